#!/usr/bin/env python3
"""check_grid.py ADVGRID SOURCE: slurm/grid.sbatch and slurm/chain.sh on a cluster of four nodes.
Whatever stops a job, it goes on by itself and comes to the bits of mpirun on one rank; only where
it does not get on, or was cancelled, does it stop."""
import os
import stat
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from slurm.cluster import Cluster
from support.runner import (EPOCH, Program, check, grid, main, recorded, require, units)

require("h5py")

BINARY, SOURCE = map(os.path.abspath, sys.argv[1:3])
SCRIPT, CHAIN = (os.path.join(SOURCE, "slurm", name) for name in ("grid.sbatch", "chain.sh"))
with open(BINARY, "rb") as program_file:  # sanitizers make it slow: 5 s on two cores
    EPOCHS = 30 if b"__asan_init" in program_file.read() else 180
JOB = grid(training_images=300, epochs=EPOCHS, images=20, more="run: {checkpoint_minutes: 0.01}\n")
NODES = ["--nodes=2", "--ntasks-per-node=2"]
REFERENCE = []  # the folder of the same job under mpirun, with one rank


def reference():
    if not REFERENCE:
        program = Program(BINARY)
        program.run("run", program.write("job.yaml", JOB), "-o", "out", "-t", 1, ranks=1)
        REFERENCE.append(program)
    return REFERENCE[0].path("out")


def check_result(program, folder, job, restarts=0):
    """What the job left, that no unit was done twice, and whom it says it was done by."""
    import h5py
    result = program.run("verify", reference(), folder, code=None)
    check(result.code == 0 and result.out.startswith("equal: 12 points"), f"{result}")
    check(len(units(folder)) == len(set(units(folder))) == 12, "units are missing or doubled")
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        fields = CLUSTER.job(job)
        wanted = {"slurm_job_id": job, "slurm_nodes": fields["NodeList"],
                  "slurm_restart_count": int(fields["Restarts"])}
        for name, value in wanted.items():
            check(file.attrs[name] == value, f"{name} is {file.attrs[name]!r}, not {value!r}")


def in_training(program, job, folder):
    """Waits until both models are in the middle."""
    CLUSTER.until(program, job, lambda: len(recorded(folder, EPOCH)) >= 6, "epochs")


def check_went_on(program, job, folder, redone=0):
    """After one restart it is done. redone: the most epochs that may have been done again."""
    fields = CLUSTER.wait(program, job)
    log = CLUSTER.log(program, job)
    check(fields["Restarts"] == "1", f"{fields['Restarts']} restarts\n{log}")
    check(f"job        {job}, restart 1 of" in log and log.endswith("grid.sbatch: done\n"), log)
    epochs = len(recorded(folder, EPOCH))
    check(2 * EPOCHS <= epochs <= 2 * EPOCHS + redone, f"{epochs} epochs recorded\n{log}")
    check_result(program, folder, job, restarts=1)
    return log


def two_nodes(program):
    """Nothing is said that is not needed; the log begins with where everything is."""
    program.write("job.yaml", JOB)
    job = CLUSTER.submit(program, SCRIPT, "job.yaml", options=NODES)
    fields = CLUSTER.wait(program, job)
    lines = CLUSTER.log(program, job).splitlines()
    names = "job,job file,result,program,nodes,ranks,started,launcher".split(",")
    check([line[:11].strip() for line in lines[:8]] == names, "\n".join(lines[:8]))
    for text in program.path("job.yaml"), program.path("results/job"), BINARY, "--mpi=pmix":
        check(any(text in line for line in lines[:8]), f"no {text}: {lines[:8]}")
    check("4, 2 a node, threads of each: 1" in lines[5], lines[5])
    check(lines[4].split()[1] == fields["NodeList"] and fields["Restarts"] == "0", f"{fields}")
    check_result(program, program.path("results/job"), job)


def time_limit(program):
    """A minute, of which 29 s are the last and Slurm takes 30 more: told as soon as Slurm looks,
    the job goes on in another minute, and on other nodes, since these are about to be repaired.
    Until just before that its ranks stand still, as if they took long."""
    program.write("job.yaml", JOB)
    if CLUSTER.limits_due() < 12:  # it might not be in training by then
        time.sleep(CLUSTER.limits_due() + 0.5)
    job = CLUSTER.submit(program, SCRIPT, "job.yaml",
                         options=[*NODES, "--time=1", "--signal=B:USR1@29"])
    in_training(program, job, program.path("results/job"))
    CLUSTER.run("scancel", "--signal=STOP", job)
    first = CLUSTER.nodes(job)
    broken = "nodename=" + ",".join(first)
    CLUSTER.run("scontrol", "update", broken, "state=drain", "reason=test")
    time.sleep(CLUSTER.limits_due() - 0.5)
    CLUSTER.run("scancel", "--signal=CONT", job)
    log = check_went_on(program, job, program.path("results/job"))
    CLUSTER.run("scontrol", "update", broken, "state=resume")
    check("stopped with code 85; requeued to go on" in log, log)
    check(not set(first) & set(CLUSTER.nodes(job)), f"it went on on one of {first}")


def requeued(program):
    """By somebody else, in mid-training."""
    program.write("job.yaml", JOB)
    job = CLUSTER.submit(program, SCRIPT, "job.yaml", options=NODES)
    in_training(program, job, program.path("results/job"))
    CLUSTER.run("scontrol", "requeue", job)
    log = check_went_on(program, job, program.path("results/job"), redone=4)
    check("stopped; Slurm has ended or requeued this job itself" in log, log)


def node_dies(program):
    """With all that runs there, and without a word."""
    program.write("job.yaml", JOB)
    job = CLUSTER.submit(program, SCRIPT, "job.yaml", options=NODES)
    in_training(program, job, program.path("results/job"))
    dead = CLUSTER.nodes(job)[-1]
    CLUSTER.kill(dead)
    check_went_on(program, job, program.path("results/job"), redone=8)
    check(dead not in CLUSTER.nodes(job), f"it went on on {dead}")
    CLUSTER.start_node(dead)
    CLUSTER.wait_for(lambda: CLUSTER.node_states().get(dead) == "idle", f"idle {dead}", 30)


def terminated(program):
    """By a signal to the script, where srun has no PMIx: mpirun is not to see a TERM."""
    real = CLUSTER.run("sh", "-c", "command -v srun").stdout.strip()
    os.mkdir(program.path("bin"))
    os.chmod(program.write("bin/srun", f"#!/bin/sh\n[ \"$1\" != --mpi=list ] || exec echo none\n"
                           f"exec {real} \"$@\"\n"), stat.S_IRWXU)
    program.environment["PATH"] = f"{program.path('bin')}:{program.environment['PATH']}"
    program.write("job.yaml", JOB)
    job = CLUSTER.submit(program, SCRIPT, "job.yaml", options=NODES)
    in_training(program, job, program.path("results/job"))
    CLUSTER.run("scancel", "--batch", "--signal=TERM", job)
    log = check_went_on(program, job, program.path("results/job"))
    check("launcher   mpirun " in log and "stopped with code 85; requeued to go on" in log, log)


def cancelled(program):
    """Who cancels a job does not want it back."""
    program.write("job.yaml", JOB)
    job = CLUSTER.submit(program, SCRIPT, "job.yaml", options=NODES)
    in_training(program, job, program.path("results/job"))
    CLUSTER.run("scancel", job)
    fields = CLUSTER.wait(program, job, "CANCELLED")
    check(fields["Restarts"] == "0", CLUSTER.log(program, job))


def chain(program):
    """The first link is stopped, the second ends the job, the third finds it done. Each has a whole
    node, and one rank that takes all of it; the result goes where further arguments say."""
    program.write("job.yaml", JOB)
    options = ["--ntasks-per-node=1", "--exclusive", "--output=%j.log"]
    result = CLUSTER.run(CHAIN, 3, *options, SCRIPT, "job.yaml", "-o", "out", cwd=program.folder,
                         env={**program.environment, "ADVGRID": program.binary})
    links = result.stdout.split(",")[0].split()[1:]
    check(len(links) == 3, result.stdout)
    in_training(program, links[0], program.path("out"))
    check(CLUSTER.job(links[1])["Reason"] == "Dependency", "the second link does not wait")
    CLUSTER.run("scancel", "--batch", "--signal=USR1", links[0])
    fields = CLUSTER.wait(program, links[0], "FAILED")
    check(fields["ExitCode"] == "85:0" and fields["Restarts"] == "0", f"{fields}")
    check("this job may not be requeued" in CLUSTER.log(program, links[0]), "no word on requeues")
    CLUSTER.wait(program, links[1])
    for line in "ranks      1, 1 a node, threads of each: 2", f"result     {program.path('out')}":
        check(line in CLUSTER.log(program, links[1]).splitlines(), f"the log does not say {line}")
    begin = time.monotonic()
    CLUSTER.wait(program, links[2])
    check(" epoch " not in CLUSTER.log(program, links[2]), "the third link trained")
    check(time.monotonic() - begin < 10, "the third link took long")
    check_result(program, program.path("out"), links[2])


def no_progress(_):
    """A program that is always stopped before it has done anything: it was started before all these
    tests, and again twice."""
    fields = CLUSTER.wait(IDLE, IDLE_JOB, "FAILED")
    log = CLUSTER.log(IDLE, IDLE_JOB)
    check(fields["Restarts"] == "2" and fields["ExitCode"] == "85:0", f"{fields}\n{log}")
    check(log.endswith("grid.sbatch: 3 starts in a row made no progress; not requeued\n"), log)


with Cluster() as CLUSTER:
    IDLE = Program(BINARY)
    IDLE.binary = IDLE.write("idle", "#!/bin/sh\nexit 85\n")
    os.chmod(IDLE.binary, stat.S_IRWXU)
    IDLE_JOB = CLUSTER.submit(IDLE, SCRIPT, "job.yaml", options=["--ntasks-per-node=1"])
    try:
        main([two_nodes, time_limit, requeued, node_dies, terminated, cancelled, chain,
              no_progress])
    finally:
        for left in [IDLE, *REFERENCE]:
            left.remove()
