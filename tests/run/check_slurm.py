"""The number of ranks against what Slurm and mpirun say they have started, what a run records of
Slurm's job, and what it says of ranks that stand in each other's way.

check_slurm.py ADVGRID SOURCE"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from support.runner import CROWDED, check, job, main, require  # noqa: E402

require("h5py")
import h5py  # noqa: E402

SMALL = job(training_images=110, epochs=1, images=20, block=20, attacks="[{kind: fgsm}]",
            epsilons="[0]")


def refused(program, parts, *arguments, ranks=0, command="run"):
    """Stops with one message that has the parts, and touches nothing."""
    path = program.write("job.yaml", SMALL)
    line = ["run", path, "-o", "out"] if command == "run" else [command]
    result = program.run(*line, *arguments, ranks=ranks, code=2)
    check(len(result.messages()) == 1, f"one message\n{result}")
    for part in parts:
        check(part in result.messages()[0], f"no '{part}'\n{result}")
    check(sorted(os.listdir(program.folder)) == ["job.yaml"], f"{os.listdir(program.folder)}")


def ranks_that_are_alone_stop(program):
    """As srun starts them where its PMI is not MPI's: each is all of MPI's world."""
    program.environment.update(SLURM_JOB_ID="7", SLURM_NTASKS="4", SLURM_STEP_NUM_TASKS="4",
                               SLURM_PROCID="0")
    parts = "MPI has 1 rank", "srun started 4 tasks (SLURM_STEP_NUM_TASKS)", "--mpi=pmix"
    refused(program, parts)
    refused(program, parts, "--ranks", 1)
    refused(program, parts, command="bench")
    program.environment["SLURM_PROCID"] = "3"  # the first has said it; srun tells the worst code
    result = program.run("run", program.write("job.yaml", SMALL), "-o", "out", code=1)
    check(result.messages() == [] and not os.path.exists(program.path("out")), f"{result}")


def another_number_than_slurms_stops(program):
    program.environment.update(SLURM_JOB_ID="7", SLURM_NTASKS="4", SLURM_PROCID="0")
    refused(program, ["MPI has 2 ranks", "4 tasks (SLURM_NTASKS)", "--ranks 2"], ranks=2)
    refused(program, ["MPI has 1 rank,", "4 tasks (SLURM_NTASKS)", "srun --mpi=pmix"])
    refused(program, ["MPI has 2 ranks, but --ranks is 3"], "--ranks", 3, ranks=2)


def the_number_may_be_said(program):
    program.environment.update(SLURM_JOB_ID="7", SLURM_NTASKS="4", SLURM_PROCID="0",
                               SLURM_ARRAY_JOB_ID="5", SLURM_ARRAY_TASK_ID="11",
                               SLURM_RESTART_COUNT="3", SLURM_JOB_NODELIST="n[1-2]")
    path = program.write("job.yaml", SMALL)
    program.run("run", path, "-o", "out", "-t", 1, "--ranks", 2, ranks=2)
    wanted = {"slurm_job_id": "7", "slurm_array_job_id": "5", "slurm_array_task_id": "11",
              "slurm_restart_count": 3, "slurm_nodes": "n[1-2]", "ranks": 2}
    with h5py.File(program.path("out", "results.h5")) as file:
        for name, value in wanted.items():
            check(file.attrs[name] == value, f"{name} is {file.attrs[name]!r}")
    for name in "NTASKS", "ARRAY_JOB_ID", "ARRAY_TASK_ID", "RESTART_COUNT", "JOB_ID":
        del program.environment[f"SLURM_{name}"]
    program.run("run", path, "-o", "other", "-t", 1)
    result = program.run("verify", "out", "other")
    check(result.out.startswith("equal: "), f"{result}")


def as_many_as_slurms_run(program):
    program.environment.update(SLURM_JOB_ID="7", SLURM_NTASKS="2", SLURM_PROCID="0")
    program.run("run", program.write("job.yaml", SMALL), "-o", "out", "-t", 1, ranks=2)


def crowded_ranks_are_said_once(program):
    cores = len(os.sched_getaffinity(0))
    result = program.run("run", program.write("job.yaml", SMALL), "-o", "out", "-t", cores + 1,
                         ranks=2)
    lines = [line for line in result.err.splitlines() if CROWDED.match(line)]
    check(len(lines) == 1 and f": 2 ranks with {2 * cores + 2} threads in all" in lines[0],
          f"{result}")


def ranks_on_one_core_are_said(program):
    """Started by a shell that binds both to the first core, as a wrong option of srun would."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("        (skipped: this machine has one core)")
        return
    path = program.write("job.yaml", SMALL)
    plain = program.command
    program.command = lambda ranks, arguments: [
        word for part in plain(ranks, arguments)
        for word in (["taskset", "-c", str(cores[0]), part] if part == program.binary else [part])]
    result = program.run("run", path, "-o", "out", ranks=2)
    lines = [line for line in result.err.splitlines() if CROWDED.match(line)]
    check(len(lines) == 1 and ": ranks 0 and 1 are bound to one core: 2 ranks to 1 of " in lines[0],
          f"{result}")


main([ranks_that_are_alone_stop, another_number_than_slurms_stops, the_number_may_be_said,
      as_many_as_slurms_run, crowded_ranks_are_said_once, ranks_on_one_core_are_said])
