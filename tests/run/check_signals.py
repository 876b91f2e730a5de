#!/usr/bin/env python3
"""check_signals.py ADVGRID: SIGTERM, SIGINT or SIGUSR1 to any rank ends a run with exit code 85
within seconds, whatever it was doing, and the same command goes on. A rank that dies ends the job,
and one that stands still is reported."""
import os
import signal
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (EPOCH, MODEL, RANKS, UNIT, check, check_same_as_alone, grid, job, main,
                            processes, recorded, require, said, units, wait_until)

require("h5py")

LIMIT = 5  # seconds from the signal to the end of mpirun
TOLD = ["advgrid: interrupted: the same command goes on from here"]


def more(folder, kind):
    """Whether a journal has got another record of that kind since now."""
    before = len(recorded(folder, kind))
    return lambda: len(recorded(folder, kind)) > before


def interrupt(program, path, out, cases, condition, what):
    """Starts the run, and once the condition holds sends signals: (rank, signal), one at once after
    the other. The run ends as interrupted, in time, and says so once."""
    process = program.start("run", path, "-o", out, "-t", 1, ranks=2)
    wait_until(program, process, condition, what)
    ranks = processes(process)
    begin = time.monotonic()
    for rank, number in cases:
        try:
            os.kill(ranks[rank], number)
        except ProcessLookupError:
            pass  # the one before has ended it
        time.sleep(0.05 if len(cases) > 1 else 0)
    result = program.wait(process)
    seconds = time.monotonic() - begin
    check(result.code == 85, f"signals {cases} in {what}\n{result}")
    check(seconds < LIMIT, f"signals {cases} in {what}: {seconds:.1f} s")
    check(result.messages() == TOLD, f"signals {cases} in {what}\n{result}")
    check(len(recorded(out, RANKS)) > 0, "the end of a run that stopped itself is not recorded")


def finish(program, text, out):
    """Goes on to the end: what comes is what comes of a run that was left alone."""
    path = program.write("job.yaml", text)
    result = program.run("run", path, "-o", out, "-t", 1, ranks=3)
    check("passed over" not in result.err and result.messages() == [], f"{result}")
    check(len(units(out)) == len(set(units(out))), "a unit was done twice")
    check_same_as_alone(program, text, out)


CASES = [[(0, signal.SIGTERM)], [(1, signal.SIGUSR1)], [(1, signal.SIGINT)]]


TEAM = grid(training_images=300, epochs=16, images=20, more="run: {ranks_per_model: 2}\n")


def in_training(program):
    """Both models are in training, each on a rank; then one, by the team of both."""
    for name, text, cases in (("alone", TEAM.replace("model: 2", "model: 1"), CASES[:2]),
                              ("team", TEAM, CASES)):
        path, out = program.write("job.yaml", text), program.path(name)
        for case in cases:
            interrupt(program, path, out, case, more(out, EPOCH), "training")
        check(os.listdir(os.path.join(out, "checkpoints")), "no checkpoint was left")
    finish(program, TEAM, program.path("team"))


def in_validation(program):
    """Where an epoch is one step, and its validation takes a hundred times as long."""
    text = grid(training_images=1027, validation_images=1000, epochs=8, images=10,
                more="run: {ranks_per_model: 2}\n")
    path, out = program.write("job.yaml", text), program.path("out")
    for case in CASES[:2]:
        interrupt(program, path, out, case, more(out, EPOCH), "validation")
    finish(program, text, out)


def in_attacks(program):
    """Units that were cut off are done another time."""
    text = grid(steps=100, epochs=1)
    path, out = program.write("job.yaml", text), program.path("out")
    for case in CASES[:2]:
        interrupt(program, path, out, case, more(out, UNIT), "attacks")
    check(len(units(out)) < 36, "too late to learn anything")
    finish(program, text, out)


def in_a_shard(program):
    """A shard that would take hours is abandoned: many steps, many restarts, many draws."""
    noise = "[{kind: gaussian-noise, name: noisy, sigma: 0.05, draws: 10000}]"
    for defense, attack, rank in (("[{kind: none}]", "steps: 10000", 0),
                                  ("[{kind: none}]", "steps: 10000, restarts: 1000", 1),
                                  (noise, "steps: 2", 1)):
        out = program.path(f"out-{attack}")
        path = program.write("job.yaml", job(epochs=1, defenses=defense, epsilons="[8/255]",
                                             attacks=f"[{{kind: pgd, {attack}}}]", images=64,
                                             block=32, shard=32, batch=32))
        begun = more(out, MODEL)
        interrupt(program, path, out, [(rank, signal.SIGUSR1)], begun, attack)
        check(units(out) == [], "a unit that takes hours was done")


def twice(program):
    """Impatience does no harm: more signals, to both ranks, while the run is stopping."""
    path, out = program.write("job.yaml", TEAM), program.path("out")
    many = [(1, signal.SIGTERM), (1, signal.SIGTERM), (0, signal.SIGINT), (1, signal.SIGUSR1)]
    interrupt(program, path, out, many, more(out, EPOCH), "training")
    finish(program, TEAM, out)


def listens(pid):
    """Whether the process has a handler for SIGUSR1."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        caught = next(line for line in file if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) >> (signal.SIGUSR1 - 1) & 1 == 1


def when_all_is_done(program):
    """There is nothing to go on with."""
    path, out = program.write("job.yaml", job(epochs=1)), program.path("out")
    program.run("run", path, "-o", out, "-t", 1, ranks=2)
    process = program.start("run", path, "-o", out, "-t", 1, ranks=2)
    wait_until(program, process, lambda: len(processes(process)) == 2 and
               all(listens(pid) for pid in processes(process).values()), "handler")
    for rank in 1, 0:
        os.kill(processes(process)[rank], signal.SIGUSR1)
    result = program.wait(process)
    check(result.code == 0 and result.messages() == [], f"{result}")


def one_that_dies(program):
    """mpirun says which it was, and ends the others; the lock that they leave is no obstacle."""
    path, out = program.write("job.yaml", TEAM), program.path("out")
    for rank in 1, 0:
        process = program.start("run", path, "-o", out, "-t", 1, ranks=2)
        wait_until(program, process, more(out, EPOCH), "epoch")
        begin = time.monotonic()
        os.kill(processes(process)[rank], signal.SIGKILL)
        result = program.wait(process)
        check(result.code not in (0, 85) and time.monotonic() - begin < LIMIT, f"{result}")
        check(f"process rank {rank} with PID" in result.err and "signal 9" in result.err,
              f"{result}")
        check(os.path.exists(os.path.join(out, "lock")), "who was killed left no lock")
    result = program.run("run", path, "-o", out, "-t", 1, ranks=3)
    check(len(result.messages()) == 1 and "left behind by" in result.err, f"{result}")
    check_same_as_alone(program, TEAM, out)


def one_that_stands_still(program):
    """Rank 0 says which, where, and what it was told to do, once, and while it lasts; the run then
    completes. In a team with rank 0, and in an attack."""
    for kind, task in ((EPOCH, "training of none"), (MODEL, "none, pgd at epsilon 8/255, images ")):
        out = program.path(f"out-{kind}")
        path = program.write("job.yaml", job(
            epochs=30 if kind == EPOCH else 1, attacks="[{kind: pgd, steps: 300}]",
            epsilons="[8/255]", images=160, block=80,
            more="run: {stall_seconds: 2, ranks_per_model: 2}\n"))
        process = program.start("run", path, "-o", out, "-t", 1, ranks=2)
        wait_until(program, process, more(out, kind), "record")
        rank = processes(process)[1]
        os.kill(rank, signal.SIGSTOP)
        wait_until(program, process, lambda: "no progress" in said(process), "report")
        os.kill(rank, signal.SIGCONT)
        result = program.wait(process)
        lines = [line for line in result.err.splitlines() if "no progress" in line]
        check(result.code == 0 and len(lines) == 1, f"{result}")
        check(f"rank 1 on {socket.gethostname()} has shown no progress for " in lines[0] and
              f": {task}" in lines[0], f"{result}")


main([in_training, in_validation, in_attacks, in_a_shard, twice, when_all_is_done, one_that_dies,
      one_that_stands_still])
