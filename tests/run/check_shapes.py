#!/usr/bin/env python3
"""check_shapes.py ADVGRID: one job, from training to results.h5 and the model files, comes to the
same bits on any number of ranks and threads, in teams of any size, also of one that grows."""
import os
import signal
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (EPOCH, MODEL, check, check_same_as_alone, check_same_samples, grid,
                            journal, main, processes, recorded, require, samples, units, wait_until)

require("h5py")

SEGMENT = 5  # seconds after which a team asks whether others are free to join it


def run(program, path, ranks, threads, name):
    folder = program.path(f"{name}-{ranks}-{threads}")
    program.run("run", path, "-o", folder, "-t", threads, ranks=ranks)
    return folder


def check_equal(program, want, got):
    result = program.run("verify", want, got, code=None)
    check(result.code == 0, f"{os.path.basename(got)}: {result}")
    check(result.out.startswith("equal: 12 points, 600 samples, 2 models, "), f"{result}")


def any_ranks_and_threads(program):
    path = program.write("job.yaml", grid())
    want = run(program, path, 1, 1, "on")
    for ranks, threads in (1, 2), (2, 1), (3, 1), (4, 1), (5, 1), (2, 2):
        check_equal(program, want, run(program, path, ranks, threads, "on"))


def any_teams(program):
    """Of three, or all where there are less: trained by as many ranks as there are, and by some."""
    path = program.write("job.yaml", grid(more="run: {ranks_per_model: 3}\n"))
    want = run(program, path, 1, 1, "teams")
    for ranks, threads in (2, 2), (3, 1), (5, 1):
        check_equal(program, want, run(program, path, ranks, threads, "teams"))
    alone = run(program, program.write("other.yaml", grid()), 2, 1, "pairs")
    check_same_samples(samples(alone), samples(want), "a rank for each model, and teams")


def waits(folder, key):
    """Per epoch of a model, the seconds that its first rank waited for others of its team."""
    return [struct.unpack_from("<d", payload, 56)[0] for kind, model, payload in journal(folder)
            if kind == EPOCH and model == key]


def team_that_grows(program):
    """Rank 1 stands still in its training until rank 0 has done all else: then they go on together.
    Who trains alone never waits, and a team always does."""
    text = grid(training_images=600, epochs=6, images=10)
    path, out = program.write("job.yaml", text), program.path("out")
    process = program.start("run", path, "-o", out, "-t", "1", ranks=2)
    wait_until(program, process, lambda: len(set(recorded(out, EPOCH))) == 2, "two trainings")
    ranks = processes(process)
    os.kill(ranks[1], signal.SIGSTOP)
    begin = time.monotonic()
    wait_until(program, process, lambda: recorded(out, MODEL) and len(units(out)) == 6,
               "model of rank 0 with its units")
    time.sleep(max(0, SEGMENT + 0.1 - (time.monotonic() - begin)))
    os.kill(ranks[1], signal.SIGCONT)
    result = program.wait(process)
    check(result.code == 0, f"{result}")
    first, last = recorded(out, MODEL)
    check(len(waits(out, first)) == len(waits(out, last)) == 6, f"epochs\n{result}")
    check(max(waits(out, first)) == 0, f"a rank that trains alone waited: {waits(out, first)}")
    check(waits(out, last)[0] == 0 < waits(out, last)[-1], f"nobody joined: {waits(out, last)}")
    check_same_as_alone(program, text, out)


main([any_ranks_and_threads, any_teams, team_that_grows])
