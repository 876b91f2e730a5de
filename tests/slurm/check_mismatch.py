#!/usr/bin/env python3
"""check_mismatch.py ADVGRID SOURCE: a run on a cluster whose ranks are not those that Slurm has tasks
for stops with the reason and touches nothing; one whose ranks are records Slurm's job, and status
tells the job's state."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Cluster
from support.runner import check, job, main, require, status_lines

require("h5py")

SMALL = job(training_images=110, epochs=1, images=20, block=20, attacks="[{kind: fgsm}]",
            epsilons="[0]")
NODES = ["--nodes=2", "--ntasks-per-node=2"]
# What tells Open MPI that srun started it: without, each of the tasks is a world of its own, as it is
# with an MPI that does not know Slurm at all.
ALONE = "srun --mpi=none env -u SLURM_STEPID -u SLURM_STEP_ID"


def submitted(program, launcher, more="", options=(), state="COMPLETED"):
    """A job of four tasks whose script is one line; its number and its log."""
    program.write("job.yaml", SMALL)
    script = program.write("line.sbatch", f'#!/bin/bash\n{launcher} "$ADVGRID" run job.yaml -o out '
                                          f'-t 1 {more}\n')
    number = CLUSTER.submit(program, script, options=[*NODES, *options])
    fields = CLUSTER.wait(program, number, state)
    return number, fields, CLUSTER.log(program, number)


def refused(program, launcher, parts):
    _, fields, log = submitted(program, launcher, state="FAILED")
    said = [line for line in log.splitlines() if line.startswith("advgrid: ")]
    check(fields["ExitCode"] == "2:0" and len(said) == 1, f"{fields['ExitCode']}\n{log}")
    for part in parts:
        check(part in said[0], f"no '{part}'\n{log}")
    check(not os.path.exists(program.path("out")), f"the folder was made\n{log}")


def ranks_that_are_alone(program):
    refused(program, ALONE,
            ["MPI has 1 rank, but srun started 4 tasks (SLURM_STEP_NUM_TASKS)", "--mpi=pmix"])


def fewer_ranks_than_tasks(program):
    if not CLUSTER.own_names:  # then mpirun starts all ranks by its daemons, as on another node,
        print("skipped: nodes have no names of their own here")  # where their tasks are counted
        return
    refused(program, "mpirun -n 2", ["MPI has 2 ranks, but Slurm has 4 tasks (SLURM_NTASKS)"])


def no_launcher(program):
    refused(program, "", ["MPI has 1 rank, but Slurm has 4 tasks", "start it by srun --mpi=pmix"])


def fewer_ranks_that_are_meant(program):
    """In an element of an array."""
    number, fields, log = submitted(program, "mpirun -n 2", "--ranks 2",
                                    ["--array=3", "--output=%A.log"])
    check_provenance(program, log, ranks=2, slurm_job_id=fields["JobId"],
                     slurm_array_job_id=number, slurm_array_task_id="3",
                     slurm_nodes=fields["NodeList"], slurm_restart_count=0)
    status = status_lines(program, "out")[-1]
    check(status == f"slurm    job {number}_3: COMPLETED on {fields['NodeList']}", status)


def a_part_of_the_tasks(program):
    """srun's own number counts in its step."""
    number, fields, log = submitted(program, "srun --mpi=pmix -n 2")
    check_provenance(program, log, ranks=2, slurm_job_id=number, slurm_array_job_id="",
                     slurm_array_task_id="", slurm_nodes=fields["NodeList"],
                     slurm_restart_count=0)


def check_provenance(program, log, **wanted):
    import h5py
    with h5py.File(program.path("out", "results.h5")) as file:
        for name, value in wanted.items():
            check(file.attrs[name] == value, f"{name} is {file.attrs[name]!r}, not {value!r}\n{log}")


with Cluster(nodes=2) as CLUSTER:
    main([ranks_that_are_alone, fewer_ranks_than_tasks, no_launcher, fewer_ranks_that_are_meant,
          a_part_of_the_tasks])
