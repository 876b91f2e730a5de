"""advgrid status of a folder whose last run was a job of Slurm's: what squeue and sacct say, and that
the rest is told whatever they do. Both are scripts of the test's own.

check_slurm_status.py ADVGRID SOURCE"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from support.runner import check, job, main, status_lines  # noqa: E402

JOB = {"SLURM_JOB_ID": "41"}
ELEMENT = {"SLURM_JOB_ID": "43", "SLURM_ARRAY_JOB_ID": "41", "SLURM_ARRAY_TASK_ID": "2",
           "SLURM_RESTART_COUNT": "2"}


def folder(program, variables):
    """A result folder that a job with these variables has left, and the status without Slurm."""
    text = job(training_images=110, epochs=1, images=20, block=20, attacks="[{kind: fgsm}]",
               epsilons="[0]")
    program.environment.update(variables)
    program.run("run", program.write("job.yaml", text), "-o", "out", "-t", 1)
    for name in variables:
        del program.environment[name]
    os.mkdir(program.path("bin"))
    program.environment["PATH"] = program.path("bin")


def command(program, name, script):
    """A program of that name, which writes its arguments to NAME.arguments."""
    path = program.write(f"bin/{name}", f'#!/bin/sh\nprintf "%s\\n" "$@" > "{program.folder}/'
                                        f'{name}.arguments"\n{script}\n')
    os.chmod(path, 0o755)


def arguments(program, name):
    with open(program.path(f"{name}.arguments"), encoding="ascii") as file:
        return file.read().split()


def line(program):
    """What is said of Slurm; the rest is as ever."""
    lines = status_lines(program, "out")
    check("100.0 % of the estimated work" in lines[0] and
          lines[2].startswith("run 1   started "), f"{lines}")
    check([line.startswith("slurm") for line in lines].count(True) == 1, f"{lines}")
    check(lines[-1].startswith("slurm    job "), f"{lines}")
    return lines[-1][len("slurm    job "):]


def says(program, expected):
    said = line(program)
    check(said == expected, f"{said}\nexpected {expected}")


def told(program, script, expected):
    command(program, "squeue", script)
    says(program, expected)


def squeues_answer_is_told(program):
    folder(program, JOB)
    told(program, "echo 'RUNNING|None|53:10|2026-01-31T12:00:00|n[1-2]'",
         "41: RUNNING on n[1-2], time left 53:10")
    check("--jobs=41" in arguments(program, "squeue"), f"{arguments(program, 'squeue')}")
    told(program, "echo 'PENDING|Resources|1:00:00|2026-01-31T12:00:00|'",
         "41: PENDING (Resources), expected to start 2026-01-31T12:00:00")
    told(program, "echo 'PENDING|BeginTime|1:00:00|N/A|'", "41: PENDING (BeginTime)")
    told(program, "echo 'COMPLETED|None|1:00:00|2026-01-31T12:00:00|n1'", "41: COMPLETED on n1")
    told(program, "echo 'FAILED|NonZeroExitCode'", "41: FAILED (NonZeroExitCode)")
    told(program, r"printf 'RUNNING|\033[31mNone|1|2|n1\n'",
         "41: RUNNING (?[31mNone) on n1, time left 1")


def an_element_of_an_array_is_asked_for(program):
    folder(program, ELEMENT)
    told(program, "echo 'RUNNING|None|53:10|N/A|n1'",
         "41_2, restart 2: RUNNING on n1, time left 53:10")
    check("--jobs=41_2" in arguments(program, "squeue"), f"{arguments(program, 'squeue')}")


def a_forgotten_job_is_sought_in_the_accounts(program):
    folder(program, JOB)
    gone = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"
    told(program, gone, "41: squeue does not know it any more")
    command(program, "sacct", "echo 'COMPLETED|0:0|2026-01-31T12:00:00|n[1-2]'")
    told(program, gone, "41: COMPLETED at 2026-01-31T12:00:00, exit code 0:0, on n[1-2]")
    check("--jobs=41" in arguments(program, "sacct"), f"{arguments(program, 'sacct')}")
    told(program, "exit 0", "41: COMPLETED at 2026-01-31T12:00:00, exit code 0:0, on n[1-2]")
    command(program, "sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    told(program, gone, "41: squeue does not know it any more, nor does sacct")


def what_does_not_answer_is_told(program):
    folder(program, JOB)
    says(program, "41: not known: squeue is not in PATH")
    told(program, "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1",
         "41: not known: squeue failed: slurm_load_jobs error: Unable to contact slurm controller")
    told(program, "PATH=/usr/bin:/bin; sleep 600",
         "41: not known: squeue gave no answer within 5 s")


def of_a_merged_folder_nothing_is_asked(program):
    """Several jobs have made it, and none of them writes to it."""
    path = program.environment["PATH"]
    folder(program, JOB)
    os.rename(program.path("out"), program.path("one"))
    os.rename(program.path("bin"), program.path("before"))
    program.environment["PATH"] = path
    folder(program, ELEMENT)
    program.run("merge", "one", "out", "-o", "merged")
    command(program, "squeue", "")
    lines = status_lines(program, "merged")
    check(not any(line.startswith("slurm") for line in lines), f"{lines}")
    check(not os.path.exists(program.path("squeue.arguments")), f"{lines}")


def without_slurm_nothing_is_asked(program):
    folder(program, {})
    command(program, "squeue", "")
    lines = status_lines(program, "out")
    check(not any(line.startswith("slurm") for line in lines), f"{lines}")
    check(not os.path.exists(program.path("squeue.arguments")), f"{lines}")


main([squeues_answer_is_told, an_element_of_an_array_is_asked_for,
      a_forgotten_job_is_sought_in_the_accounts, what_does_not_answer_is_told,
      of_a_merged_folder_nothing_is_asked, without_slurm_nothing_is_asked])
