#!/usr/bin/env python3
"""check_commands.py ADVGRID: help, exit codes, what `plan` and `status` print, and one clear line
for every mistake on the command line."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import check, job, machine, main

EXAMPLES = {"run": "advgrid run jobs/", "plan": "advgrid plan jobs/",
            "status": "advgrid status results/", "verify": "advgrid verify results/",
            "export": "advgrid export results/", "report": "advgrid report results/",
            "merge": "advgrid merge results/", "submit": "advgrid submit jobs/",
            "bench": "advgrid bench --"}


def help_tells_enough(program):
    text = program.run("--help").out
    for command in EXAMPLES:
        check(f"  {command} " in text, f"--help does not list {command}\n{text}")
    check("Exit codes" in text and "jobs/quickstart.yaml" in text, f"--help\n{text}")
    for command, example in EXAMPLES.items():
        result = program.run(command, "--help")
        check(f"Usage: advgrid {command}" in result.out, f"{result}")
        check(result.err == "" and example in result.out, f"{command}: no example\n{result}")
        check(max(map(len, result.out.splitlines())) <= 100, f"long lines\n{result}")
    check("advgrid 0." in program.run("--version").out, "--version")
    check("Usage:" in program.run("--usage").out, "--usage")


def command_line_is_refused(program):
    path = program.write("job.yaml", job())
    for arguments, expected in (
            ((), "a command is missing"),
            (("rum",), "unknown command 'rum'; did you mean 'run'?"),
            (("stauts", "x"), "did you mean 'status'?"),
            (("frobnicate",), "unknown command 'frobnicate'"),
            (("--frobnicate",), "unrecognized option"),
            (("run",), "a job file is missing"),
            (("plan",), "a job file is missing"),
            (("status",), "a result folder is missing"),
            (("run", path, path), "is more"),
            (("plan", path, "b"), "'b' is more"),
            (("status", "a", "b"), "'b' is more"),
            (("verify",), "two result folders are expected"),
            (("verify", "a"), "two result folders are expected"),
            (("verify", "a", "b", "c"), "'c' is more"),
            (("merge",), "the result folders to join are missing"),
            (("merge", "a", "b"), "-o DIR, the new result folder, is missing"),
            (("merge", "a", "-o"), "requires an argument"),
            (("plan", path, "--list", "seed"), "--list is 'seed'; expected seeds or defenses"),
            (("plan", path, "--ranks", "0"), "--ranks is '0'"),
            (("plan", path, "--ranks", "1e9"), "--ranks is '1e9'; expected a whole number"),
            (("plan", path, "-n", "2", "--threads", "none"), "--threads is 'none'"),
            (("plan", path, "--threads", "2"), "--threads is for a prediction: give --ranks too"),
            (("plan", path, "--machine", "m"), "--machine is for a prediction: give --ranks too"),
            (("bench", "-o", "m.yaml"), "--output is for the machine that --scaling measures"),
            (("run", path, "--outptu", "x"), "unrecognized option"),
            (("run", path, "-o"), "requires an argument"),
            (("run", path, "-t", "0"), "--threads is '0'"),
            (("run", path, "-t", "-1"), "--threads is '-1'"),
            (("run", path, "-t", "1.5"), "--threads is '1.5'"),
            (("run", path, "-t", "many"), "--threads is 'many'"),
            (("run", path, "-t", "100000"), "--threads is '100000'"),
            (("run", path, "-t", ""), "--threads is ''"),
            (("bench", "base"), "no argument is expected, 'base' is one"),
            (("bench", "--shrad", "8"), "unrecognized option"),
            (("bench", "--threads", "0"), "--threads is '0'"),
            (("bench", "--shard", "1025"), "--shard is '1025'; expected a whole number from 1 to"),
            (("bench", "--batch", "1e9"), "--batch is '1e9'"),
            (("bench", "--seconds", "0"), "--seconds is '0'"),
            (("bench", "--seconds", "nan"), "--seconds is 'nan'"),
            (("bench", "--seconds", "1d"), "--seconds is '1d'")):
        result = program.run(*arguments, code=2)
        check(expected in result.err, f"{arguments}: expected '{expected}'\n{result}")
        check(result.out == "", f"{arguments}\n{result}")
        lines = result.err.splitlines()
        check(len(lines) == 2 and "--help" in lines[1], f"{arguments}: two lines\n{result}")
    check(sorted(os.listdir(program.folder)) == ["job.yaml"], "something was created")


def plan_prints_a_job_that_reads_back(program):
    result = program.run("plan", program.write("job.yaml", job(epsilons="[0, 8/255, 1e-2]")))
    for part in ("models    1 to train", "TFLOP of training", "points    6", "units     18",
                 "MiB a rank", "8/255", "momentum: 0.9", "restarts: 1",
                 "\nkernels: {instructions: auto, convolution: auto}\n"):
        check(part in result.out, f"plan does not print '{part}'\n{result}")
    check(result.err == "", f"{result}")
    printed = result.out[result.out.index("# the job"):]
    again = program.run("plan", program.write("again.yaml", printed))
    check(again.out == result.out, f"the printed job gives another plan\n{result}{again}")
    check(sorted(os.listdir(program.folder)) == ["again.yaml", "job.yaml"], "plan created a file")


MACHINE = machine()


def predicted(result):
    """The rows of a prediction: ranks, hours, efficiency, idle, core-hours."""
    lines = result.out[:result.out.index("# the job")].splitlines()
    rows = lines[1 + [line.split()[:2] for line in lines].index(["ranks", "hours"]):]
    return [[float(word) for word in row.replace("%", "").split()] for row in rows if row]


def plan_predicts_hours(program):
    path = program.write("job.yaml", job())
    place = program.write("machine.yaml", MACHINE)
    plain = program.run("plan", path).out
    check("hours" not in plain, f"nobody asked for hours\n{plain}")
    guessed = program.run("plan", path, "--ranks", "6")
    check("guessed, not measured" in guessed.out, f"{guessed}")
    check([row[0] for row in predicted(guessed)] == [1, 2, 4, 6], f"{guessed}")
    result = program.run("plan", path, "--ranks", "4", "--machine", place, "--threads", "1")
    check("guess" not in result.out and "a core of the test" in result.out, f"{result}")
    rows = predicted(result)
    # 500 images and 100 of validation twice; of each of 120 images at 3 strengths FGSM's and PGD's
    # five steps, a last look, and four verdicts.
    seconds = 2 * (500 * 3e-3 + 100 * 1e-3) + 3 * 120 * (6 * 2e-3 + 5 * 1e-3)
    hours = rows[0][1]
    check(abs(hours * 3600 / seconds - 1) < 0.01, f"expected {seconds} s\n{result}")
    check(rows[0][2] > 99 and rows[0][3] < 1, f"one rank does not idle\n{result}")
    for ranks, took, efficiency, idle, core_hours in rows:
        check(abs(core_hours / (ranks * took) - 1) < 1e-2, f"core-hours\n{result}")
        check(abs(efficiency - 100 * hours / core_hours) < 1, f"efficiency\n{result}")
        check(0 <= idle < 100, f"{result}")
    check(rows[1][1] < 0.7 * hours, f"two ranks\n{result}")
    threads = program.run("plan", path, "-n", "1", "-m", place)  # two, as in the file
    # Of a block of 40 images, in shards of 8, the first thread takes 24.
    check(0.5 < predicted(threads)[0][1] / hours < 0.6, f"{result}{threads}")
    check(1 < predicted(threads)[0][4] / hours < 1.2, f"core-hours\n{threads}")
    tail = result.out[result.out.index("# the job"):]
    check(tail == plain[plain.index("# the job"):], f"the job is printed as ever\n{result}")


def plan_lists_the_parts_of_a_job(program):
    """What `run --seed` and `--defense` take, a line each and nothing else."""
    text = job(defenses="[{kind: none}, {kind: gaussian-noise, name: noise}]", more="seeds: [7, 2]")
    path = program.write("job.yaml", text)
    for what, expected in ("seeds", "7\n2\n"), ("defenses", "none\nnoise\n"):
        result = program.run("plan", path, "--list", what)
        check(result.out == expected and result.err == "", f"{result}")


def plan_refuses_other_files(program):
    path = program.write("job.yaml", job())
    for name, text, expected in (
            ("nowhere.yaml", None, "nowhere.yaml"),
            ("job.yaml", job(), "Unexpected key: name"),
            ("empty.yaml", "", "empty"),
            ("binary.yaml", b"\x89HDF\r\n\x1a\n", "binary.yaml"),
            ("less.yaml", MACHINE.replace("latency: 1e-6\n", ""), "latency"),
            ("zero.yaml", MACHINE.replace("1e9", "0"), "'bandwidth' is 0; expected a number over 0"),
            ("more.yaml", MACHINE + "colour: red\n", "colour"),
            ("word.yaml", MACHINE.replace("1e9", "fast"), "near line 7")):
        if text is not None:
            program.write(name, text)
        result = program.run("plan", path, "--ranks", "2", "--machine", name, code=2)
        check(len(result.err.splitlines()) == 1, f"{name}: one line\n{result}")
        check(result.err.startswith("advgrid: ") and expected in result.err, f"{name}\n{result}")
        check(result.out == "", f"{name}\n{result}")


def plan_takes_the_options_of_training(program):
    """Each in what is printed, off where the job does not say, and out of range refused."""
    plain = program.run("plan", program.write("job.yaml", job())).out
    for option, value, wrong in ("label_smoothing", "0.1", "1"), ("averaging", "0.999", "1"):
        check(f"\n  {option}: 0\n" in plain, f"plan does not print '{option}'\n{plain}")
        def plan(given, code=0):
            text = job().replace("  shard: 8\n", f"  shard: 8\n  {option}: {given}\n")
            return program.run("plan", program.write("job.yaml", text), code=code)
        out = plan(value).out
        check(f"\n  {option}: {value}\n" in out, f"plan does not print '{option}'\n{out}")
        check(f"'{option}' is {wrong}; expected 0 to 0.9" in plan(wrong, code=2).err, option)


def every_job_can_be_planned(program):
    """The job files of the source tree, which the second argument names; no data is needed."""
    folder = os.path.join(sys.argv[2], "jobs")
    names = [name[:-len(".yaml")] for name in os.listdir(folder) if name.endswith(".yaml")]
    check("quickstart" in names, f"{names}")
    for name in names:
        out = program.run("plan", os.path.join(folder, f"{name}.yaml")).out
        check(f"\nname: {name}\n" in out, f"{name}\n{out}")


def status_needs_a_result_folder(program):
    os.mkdir(program.path("empty"))
    program.write("file", "text")
    for place in "nowhere", "empty", "file":
        result = program.run("status", place, code=None)
        check(result.code in (1, 2), f"{result}")
        check(len(result.err.splitlines()) == 1 and place in result.err, f"{place}\n{result}")
        check(result.err.startswith("advgrid: "), f"{place}\n{result}")
        check(result.out == "", f"{place}\n{result}")


def default_folder_is_named_after_the_job_file(program):
    program.write("my.job.yaml", job(epochs=1, training_images=200, epsilons="[0]", images=40))
    result = program.run("run", "my.job.yaml")
    check(os.path.exists(program.path("results", "my.job", "results.h5")), f"{result}")
    check("results/my.job/results.h5" in result.out, f"{result}")


main([help_tells_enough, command_line_is_refused, plan_prints_a_job_that_reads_back,
      plan_predicts_hours, plan_lists_the_parts_of_a_job, plan_refuses_other_files,
      plan_takes_the_options_of_training, every_job_can_be_planned, status_needs_a_result_folder,
      default_folder_is_named_after_the_job_file])
