#!/usr/bin/env python3
"""check_ranks.py ADVGRID: the same model gives the same outcomes, image by image and bit by bit,
whoever attacks it: on 1, 2, 3 and 4 ranks and on two threads. Training on more ranks comes to
the same network, rounding aside."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (check, check_same_samples, job, journal, main, require, rows, samples,
                            units)

require("h5py", "numpy")
import h5py
import numpy

ATTACKS = "[{kind: fgsm}, {kind: pgd, steps: 4, restarts: 2}]"


def outcomes_do_not_depend_on_ranks(program):
    program.run("run", program.write("train.yaml", job(epsilons="[0]", attacks="[{kind: fgsm}]")),
                "-o", "trained", "-t", 1, ranks=1)
    model = program.path("trained", "models", "none.h5")
    noise = f"{{kind: gaussian-noise, name: noisy, draws: 3, sigma: 0.1, file: {model}}}"
    attack = program.write("attack.yaml", job(
        defenses=f"[{{kind: none, file: {model}}}, {noise}]", attacks=ATTACKS,
        epsilons="[0, 6/255]", images=80, block=32))
    want = None
    for ranks, threads in (1, 1), (2, 1), (3, 1), (4, 1), (0, 2), (2, 3):
        folder = program.path(f"on-{ranks}-{threads}")
        program.run("run", attack, "-o", folder, "-t", threads, ranks=ranks)
        got = samples(folder)
        check(len(got) == 8, f"{len(got)} points on {ranks} ranks")
        check(len(units(folder)) == len(set(units(folder))) == 24, f"units on {ranks} ranks")
        want = want or got
        check_same_samples(got, want, f"{ranks} ranks of {threads} threads")


def check_counts(folder, ranks):
    """Every rank did something, and gradients are what the attacks take at most."""
    for row in rows(folder):
        right = row["clean_correct"]
        most = right if row["attack"] == "fgsm" else 8 * right
        check(0 < row["gradients"] <= most, f"gradients of {row}")
    workers = {int.from_bytes(payload[:4], "little")
               for kind, _, payload in journal(folder) if kind == 4}
    check(workers <= set(range(ranks)), f"units by ranks {workers} of {ranks}")
    check(len(workers) == ranks, f"of {ranks} ranks only {workers} did units")


def units_go_to_all_ranks(program):
    text = job(attacks=ATTACKS, epsilons="[1/255, 2/255, 4/255, 8/255]", images=200, block=16)
    program.run("run", program.write("job.yaml", text), "-o", "out", "-t", 1, ranks=2)
    check_counts(program.path("out"), 2)


def training_on_ranks_agrees(program):
    path = program.write("job.yaml", job(epochs=2, epsilons="[0]", attacks="[{kind: fgsm}]"))
    losses, weights = {}, {}
    for ranks in 1, 2, 3:
        folder = program.path(f"on-{ranks}")
        program.run("run", path, "-o", folder, "-t", 1, ranks=ranks)
        with h5py.File(os.path.join(folder, "results.h5")) as file:
            losses[ranks] = file["training/none"]["loss"]
        with h5py.File(os.path.join(folder, "models", "none.h5")) as file:
            weights[ranks] = file["dense1/weight"][:]
    for ranks in 2, 3:
        check(numpy.allclose(losses[ranks], losses[1], rtol=1e-3), f"loss {losses}")
        apart = numpy.linalg.norm(weights[ranks] - weights[1]) / numpy.linalg.norm(weights[1])
        check(apart < 1e-2, f"the weights on {ranks} ranks are {apart} apart")


main([outcomes_do_not_depend_on_ranks, units_go_to_all_ranks, training_on_ranks_agrees])
