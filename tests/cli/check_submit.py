#!/usr/bin/env python3
"""check_submit.py ADVGRID SOURCE: advgrid submit with an sbatch, sinfo and srun of the test's own:
what is chosen and written, that the script delivers the very arguments whatever paths are called,
the yes on a terminal, and one clear line for every mistake."""
import os
import pty
import re
import select
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import TIMEOUT, check, job, main
from support.slurm_commands import fake, recorded, set_up, submit

HOSTILE = "a b'c\"d$HOME`touch evil`$(touch evil)\n#SBATCH --nodes=99;*&|<>\\ %j"


def script_of(program, *names):
    with open(program.path(*names, "submit.sbatch"), encoding="utf-8") as file:
        return file.read()


def directives(script):
    found = dict(re.findall(r"^#SBATCH --([a-z-]+)=(.*)$", script, re.MULTILINE))
    lines = re.findall(r"^#SBATCH --([a-z-]+)", script, re.MULTILINE)
    check(len(set(lines)) == len(lines), f"a directive is there twice\n{script}")
    return found


def check_bash(program, path):
    checked = subprocess.run(["bash", "-n", path], capture_output=True, text=True,
                             timeout=TIMEOUT, check=False)
    check(checked.returncode == 0, f"bash -n {path}: {checked.stderr}")


def minutes(text):
    days, _, clock = text.rpartition("-")
    hours, minute, _ = clock.split(":")
    return 1440 * int(days or 0) + 60 * int(hours) + int(minute)


# ---- what is chosen ------------------------------------------------------------------------------

def jobs_of_the_source_are_planned(program):
    """Those that the second argument holds; predicted seconds and wall time agree."""
    set_up(program)
    for name in "quickstart", "base", "base-norm":
        path = os.path.join(sys.argv[2], "jobs", name + ".yaml")
        result = submit(program, path, "--dry-run", "-o", name)
        check(recorded(program, "sbatch") is None, f"--dry-run calls sbatch\n{result}")
        check(result.err == "", f"{result}")
        script = script_of(program, name)
        check(script in result.out, f"the script is not shown\n{result}")
        found = directives(script)
        check(found["job-name"] == name and found["nodes"] == "1", f"{found}")
        check(found["ntasks-per-node"] == "1" and found["cpus-per-task"] == "1", f"{found}")
        check(found["output"] == program.path(name, "advgrid-%j.log"), f"{found}")
        check("partition" not in found and "account" not in found, f"{found}")
        predicted = float(re.search(r"^predicted +(\S+) s,", result.out, re.MULTILINE)[1])
        warning = int(found["signal"].replace("B:USR1@", ""))
        seconds = 60 * minutes(found["time"])
        check(1.5 * predicted < seconds - warning - 60 < 1.7 * predicted + 180,
              f"{predicted} s predicted, {found}")
        for part in ("a core of the test", "partition  debug: 4 nodes of 4 cores",
                     "the fewest cores that are predicted to end within 04:00:00",
                     "attacks at their most", name + "/submit.sbatch"):
            check(part in result.out, f"not told: '{part}'\n{result}")
        check_bash(program, program.path(name, "submit.sbatch"))


def more_cores_are_taken_for_a_nearer_target(program):
    set_up(program)
    path = os.path.join(sys.argv[2], "jobs", "base.yaml")
    last = 0
    for target in "4:00:00", "30", "20", "12":
        submit(program, path, "--dry-run", "-o", "out", "--target", target)
        found = directives(script_of(program, "out"))
        cores = (int(found["nodes"]) * int(found["ntasks-per-node"])
                 * int(found["cpus-per-task"]))
        check(last <= cores <= 16, f"{cores} cores for {target}, {last} before")
        last = cores
    check(last == 4, f"{last} cores")


def what_is_given_is_taken(program):
    path = set_up(program)
    result = submit(program, path, "--dry-run", "--nodes", "2", "--ranks", "3", "--threads", "4",
                    "--time", "1-2:30", "--partition", "long", "--account", "lab-7", "--job-name",
                    "mine", "-d", "cifar", "-o", "a/b")
    found = directives(script_of(program, "a", "b"))
    for name, value in (("nodes", "2"), ("ntasks-per-node", "3"), ("cpus-per-task", "4"),
                        ("time", "1-02:30:00"), ("signal", "B:USR1@300"), ("partition", "long"),
                        ("account", "lab-7"), ("job-name", "mine")):
        check(found.get(name) == value, f"{name} is not {value}\n{found}")
    check("as given" in result.out, f"{result}")
    check(f"'{path}' -o '{program.path('a/b')}' -d '{program.path('cifar')}'" in result.out,
          f"paths are not absolute\n{result}")
    check(f"{program.path('cifar')} is not there on this machine" in result.err,
          f"nothing is said of the missing folder\n{result}")
    check(recorded(program, "sinfo") is None, "sinfo was asked for what is known")
    submit(program, path, "--dry-run", "-o", "siblings", "--partition", "long", "--margin", "3")
    check(directives(script_of(program, "siblings"))["threads-per-core"] == "1",
          "the second CPU of a core would do no work of its own")


def a_partition_s_limit_is_kept(program):
    """A longer job is cut, and says that it goes on."""
    set_up(program)
    path = os.path.join(sys.argv[2], "jobs", "quickstart.yaml")
    result = submit(program, path, "--dry-run", "-o", "out", "--partition", "short", "--nodes", "1",
                    "--ranks", "1")
    found = directives(script_of(program, "out"))
    check(found["time"] == "00:02:00" and found["signal"] == "B:USR1@60", f"{found}")
    check("the most that the partition allows" in result.out, f"{result}")
    check("goes on when Slurm starts the job again" in result.out, f"{result}")


def without_slurm_this_machine_counts(program):
    path = set_up(program)
    fake(program, "sinfo", "sys.exit('slurm_load_partitions: Unable to contact the controller')\n")
    result = submit(program, path, "--dry-run", "-o", "out")
    check(len(result.messages()) == 1 and "Unable to contact" in result.err, f"{result}")
    check("as far as is known" in result.out, f"{result}")
    os.remove(program.path("bin", "sinfo"))
    os.symlink("/bin/bash", program.path("bin", "bash"))
    program.environment["PATH"] = program.path("bin")
    result = submit(program, path, "--dry-run", "-o", "out")
    check(len(result.messages()) == 1 and "there is no sinfo" in result.err, f"{result}")


def the_probe_is_kept(program):
    path = set_up(program)
    place = None
    for arguments, probes, told in (((), True, "probed just now"), ((), False, "kept from"),
                                    (("--probe",), True, "probed just now")):
        result = program.run("submit", path, "--dry-run", "-o", "out", *arguments)
        check(("probing this machine" in result.err) == probes, f"{arguments}\n{result}")
        check(told in result.out and "guessed, since one rank sends none" in result.out,
              f"{arguments}\n{result}")
        files = os.listdir(program.path("cache", "advgrid"))
        check(len(files) == 1 and re.fullmatch(r"machine-[A-Za-z0-9-]+\.yaml", files[0]), files)
        place = program.path("cache", "advgrid", files[0])
        check(place in result.out, f"{result}")
        if arguments == ():
            kept = open(place, encoding="utf-8").read()
    check(open(place, encoding="utf-8").read() != kept, "--probe does not renew")
    plain = program.run("plan", path, "--ranks", "1", "--machine", place)
    check("measured with small" in plain.out, f"{plain}")
    base = program.write("base.yaml", job().replace("kind: small", "kind: base"))
    result = program.run("submit", base, "--dry-run", "-o", "out")
    check("measured with small, scaled by operations" in result.out, f"{result}")
    program.write(place, "cpu: [")  # damaged
    result = program.run("submit", path, "--dry-run", "-o", "out")
    check("probing this machine" in result.err and place in result.err, f"{result}")


# ---- what the script does ------------------------------------------------------------------------

def delivered(program, script, cpus="1"):
    """The arguments of advgrid when Slurm runs the script, and the folder where it runs."""
    fake(program, "srun", "if '--mpi=list' in sys.argv: print('MPI plugin types are... pmix')\n")
    fake(program, "scontrol", "")
    environment = dict(program.environment)
    environment.update(SLURM_JOB_ID="7", SLURM_JOB_NUM_NODES="1", SLURM_NTASKS_PER_NODE="1",
                       SLURM_CPUS_PER_TASK=cpus, SLURM_JOB_CPUS_PER_NODE=cpus,
                       SLURM_JOB_NODELIST="n1", SLURM_SUBMIT_DIR="/", SLURM_CPUS_ON_NODE=cpus)
    ended = subprocess.run(["bash", script], capture_output=True, text=True, timeout=TIMEOUT,
                           cwd="/", env=environment, check=False)
    check(ended.returncode == 0, f"the script ended with {ended.returncode}\n{ended.stdout}"
                                 f"{ended.stderr}")
    called = recorded(program, "srun")
    arguments = called["arguments"]
    check(program.binary in arguments, f"{arguments}")
    return arguments[arguments.index(program.binary) + 1:], called["folder"]


def plain_paths_arrive(program):
    path = set_up(program)
    submit(program, path, "--dry-run", "--threads", "2")
    arguments, folder = delivered(program, program.path("results/job/submit.sbatch"), "2")
    check(arguments == ["run", "-t", "2", path, "-o", program.path("results/job"), "--machine",
                        program.path("machine.yaml")], f"{arguments}")
    check(os.path.samefile(folder, program.folder), folder)


def hostile_paths_arrive(program):
    """The job file, the result folder, the data and the folder where submit is called."""
    set_up(program)
    here = program.path(HOSTILE.replace("/", ""))
    os.mkdir(here)
    machine_file = program.path("machine.yaml")
    program.folder, whole = here, program.folder
    program.write(HOSTILE + ".yaml", job(name="-odd.name"))
    result = program.run("submit", HOSTILE + ".yaml", "-d", "-d " + HOSTILE, "--yes", "--machine",
                         machine_file)
    program.folder = whole
    place = os.path.join(here, "results", HOSTILE)
    script = os.path.join(place, "submit.sbatch")
    check_bash(program, script)
    found = directives(open(script, encoding="utf-8").read())
    check(found["nodes"] == "1" and found["job-name"] == "odd.name", f"{found}")
    called = recorded(program, "sbatch")
    log = place.replace("\\", "\\\\") + "/advgrid.log"  # as Slurm reads it, nothing is replaced
    check(called["arguments"] == ["--output", log, script], f"{called}\n{result}")
    arguments, folder = delivered(program, script)
    check(arguments == ["run", "-t", "1", os.path.join(here, HOSTILE + ".yaml"), "-o", place, "-d",
                        os.path.join(here, "-d " + HOSTILE), "--machine", machine_file],
          f"{arguments}")
    check(folder == here, folder)
    check(sorted(os.listdir(here)) == sorted([HOSTILE + ".yaml", "results"]), "a word was run")


def the_log_lies_in_the_result_folder(program):
    """What Slurm replaces in its path is doubled; what no directive can hold is an argument."""
    path = set_up(program)
    for name, log, is_argument in (("100%", "100%%/advgrid-%j.log", False),
                                   ("a %j", "a %%j/advgrid-%j.log", True)):
        submit(program, path, "--yes", "-o", name)
        script = program.path(name, "submit.sbatch")
        expected = (["--output", program.path(log)] if is_argument else []) + [script]
        check(recorded(program, "sbatch")["arguments"] == expected, f"{name}: {expected}")
        found = directives(script_of(program, name))["output"]
        check(found == ("advgrid-%j.log" if is_argument else program.path(log)), f"{name}: {found}")


# ---- sbatch and the terminal ---------------------------------------------------------------------

def yes_calls_sbatch(program):
    path = set_up(program)
    result = submit(program, path, "--yes", "-o", "out")
    check(recorded(program, "sbatch")["arguments"] == [program.path("out/submit.sbatch")],
          f"{result}")
    check(result.out.endswith("Submitted batch job 42\n") and "Submit it?" not in result.out,
          f"{result}")


def a_failure_of_sbatch_is_told(program):
    path = set_up(program)
    fake(program, "sbatch", "sys.exit('sbatch: error: invalid account')\n")
    result = submit(program, path, "--yes", "-o", "out", code=1)
    check("sbatch: error: invalid account" in result.err, f"{result}")
    check(len(result.messages()) == 1 and "not submitted: sbatch ended with 1" in result.err,
          f"{result}")
    check(os.path.exists(program.path("out/submit.sbatch")), "the script is kept")
    os.remove(program.path("bin", "sbatch"))
    os.remove(program.path("bin", "sbatch.json"))
    program.environment["PATH"] = program.path("bin") + ":/usr/sbin"
    os.symlink("/usr/bin/python3", program.path("bin", "python3"))
    result = submit(program, path, "--yes", "-o", "out", code=1)
    check(len(result.messages()) == 1 and "sbatch is not in PATH" in result.err, f"{result}")


def without_a_terminal_it_is_refused(program):
    path = set_up(program)
    result = submit(program, path, "-o", "out", code=2)
    check("there is no terminal to ask on: give --yes" in result.err, f"{result}")
    check(not os.path.exists(program.path("out")) and result.out == "", f"{result}")
    check(recorded(program, "sbatch") is None, "sbatch was called")


def on_terminal(program, answer, *arguments):
    """What a terminal shows and the exit code, where a person answers the question so."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(program.folder)
        line = program.command(0, ("submit", *arguments, "--machine", "machine.yaml"))
        os.execve(line[0], line, program.environment)
    shown, asked, end = b"", False, time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # its other side is closed
            data = b""
        if not data:
            break
        shown += data
        if not asked and b"[y/N]" in shown:
            asked = True
            os.write(terminal, answer)
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def a_person_is_asked(program):
    path = set_up(program)
    for answer, submits in ((b"n\n", False), (b"\n", False), (b"yesterday\n", False),
                            (b"\x04", False), (b"y\n", True), (b"YES\n", True)):
        if recorded(program, "sbatch"):
            os.remove(program.path("bin", "sbatch.json"))
        shown, code = on_terminal(program, answer, path, "-o", "out")
        check(code == 0 and "Submit it? [y/N]" in shown, f"{answer}: {code}\n{shown}")
        check((recorded(program, "sbatch") is not None) == submits, f"{answer}\n{shown}")
        check(("Submitted batch job 42" in shown) == submits, f"{answer}\n{shown}")
        check(("not submitted" in shown) != submits, f"{answer}\n{shown}")


# ---- mistakes ------------------------------------------------------------------------------------

def wrong_options_are_refused(program):
    path = set_up(program)
    for arguments, expected in (
            ((), "a job file is missing"),
            ((path, "b"), "'b' is more"),
            ((path, "--nodse", "2"), "unrecognized option"),
            ((path, "--nodes", "0"), "--nodes is '0'; expected a whole number from 1 to"),
            ((path, "--nodes", "1e9"), "--nodes is '1e9'"),
            ((path, "--ranks", "-1"), "--ranks is '-1'"),
            ((path, "--threads", "many"), "--threads is 'many'"),
            ((path, "--time", "soon"), "--time: 'soon' is no time; expected minutes"),
            ((path, "--time", "0"), "--time: '0' is no time"),
            ((path, "--target", "1:2:3:4"), "--target: '1:2:3:4' is no time"),
            ((path, "--margin", "0.5"), "--margin is '0.5'; expected a number from 1 to 100"),
            ((path, "--margin", "nan"), "--margin is 'nan'"),
            ((path, "--partition", "a b"), "--partition is 'a b'; expected letters"),
            ((path, "--partition", ""), "--partition is ''"),
            ((path, "--account", "x$(id)"), "--account is 'x$(id)'"),
            ((path, "--job-name", "-x"), "--job-name is '-x'"),
            ((path, "--probe"), "--machine takes the place of a probe"),
            ((path, "--yes"), "--dry-run submits nothing")):
        result = submit(program, *arguments, "--dry-run", "-o", "out", code=2)
        check(expected in result.err and result.out == "", f"{arguments}\n{result}")
        check(len(result.messages()) == 1, f"{arguments}: one message\n{result}")
        check(not os.path.exists(program.path("out")), f"{arguments}: a folder was created")


def what_cannot_be_is_refused(program):
    path = set_up(program)
    program.write("file", "text")
    program.write("wrong.yaml", job() + "colour: red\n")
    for arguments, expected in (
            (("nowhere.yaml",), "nowhere.yaml"),
            (("wrong.yaml",), "wrong.yaml:"),
            ((path, "--machine", "nowhere"), "nowhere"),
            ((path, "--machine", "job.yaml"), "job.yaml"),
            ((path, "--partition", "debgu"), "did you mean 'debug'?"),
            ((path, "--nodes", "5"), "5 nodes are asked for; there are 4"),
            ((path, "--ranks", "5"), "5 ranks on a node are asked for; a node has 4 cores"),
            ((path, "--threads", "5"), "5 threads of a rank are asked for; a node has 4 cores"),
            ((path, "--ranks", "2", "--threads", "3"), "it has 4 cores"),
            ((path, "-o", "file/out"), "file"),
            ((path, "-o", "/proc/advgrid"), "/proc/advgrid"),
            ((path, "-o", "x" * 5000), "path too long")):
        place = () if "-o" in arguments else ("-o", "out")
        result = program.run("submit", "--machine", "machine.yaml", *arguments, *place, "--dry-run",
                             code=2)
        check(expected in result.err and result.out == "", f"{arguments}\n{result}")
        check(len(result.err.splitlines()) == 1, f"{arguments}: one line\n{result}")
        check(not os.path.exists(program.path("out")), f"{arguments}: a folder was created")
    check(open(program.path("file"), encoding="ascii").read() == "text", "the file was changed")


def a_sinfo_that_hangs_is_given_up(program):
    """It takes its time, in which the probe is tested."""
    path = set_up(program)
    fake(program, "sinfo", "import time; time.sleep(1000)\n")
    hanging = program.start("submit", path, "--machine", "machine.yaml", "--dry-run", "-o", "never")
    while recorded(program, "sinfo") is None and hanging.poll() is None:
        time.sleep(0.01)
    submit(program, path, "--dry-run", "-o", "out", "--nodes", "1", "--ranks", "1", "-t", "1")
    the_probe_is_kept(program)
    result = program.wait(hanging)
    check(result.code == 2 and len(result.err.splitlines()) == 1, f"{result}")
    check("sinfo gave no answer" in result.err, f"{result}")
    check("--nodes, --ranks and --threads go without it" in result.err, f"{result}")
    check(not os.path.exists(program.path("never")), "a folder was created")


main([jobs_of_the_source_are_planned, more_cores_are_taken_for_a_nearer_target,
      what_is_given_is_taken, a_partition_s_limit_is_kept, without_slurm_this_machine_counts,
      plain_paths_arrive, hostile_paths_arrive,
      the_log_lies_in_the_result_folder, yes_calls_sbatch,
      a_failure_of_sbatch_is_told, without_a_terminal_it_is_refused, a_person_is_asked,
      wrong_options_are_refused, what_cannot_be_is_refused, a_sinfo_that_hangs_is_given_up])
