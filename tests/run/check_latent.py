#!/usr/bin/env python3
"""check_latent.py ADVGRID: losses in a latent space from the job to the results: the same bits on any
number of ranks and threads and after a kill, and what is told of the trainings."""
import math
import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (EPOCH, check, check_same_as_alone, job, main, processes, recorded,
                            require, rows, samples, wait_until)

require("h5py")
import h5py

LATENT = "kind: latent, layer: conv2, references: 2"
CONTRASTIVE = f"{{{LATENT}, name: pairs, loss: contrastive, weight: 0.1}}"
TRIPLET = (f"{{{LATENT}, name: triplets, loss: triplet, margin: 50, weight: 0.1, attack: pgd, "
           "steps: 2, restarts: 2, epsilon: 2/255, warmup: 1.5}")
# Batches that no shard divides and that do not divide the images.
ODD = job(training_images=203, epochs=2, batch=27, shard=4, validation_images=37, images=30,
          block=20, attacks="[{kind: fgsm}]", epsilons="[4/255]",
          training="  clip: 0.5\n  averaging: 0.9\n  augmentation: [flip, crop]",
          defenses=f"[{{{LATENT}, name: plain}}, {CONTRASTIVE}, {TRIPLET}]")


def training(folder, name):
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        return file["training"][name][:]


def ranks_and_threads_make_no_difference(program):
    path = program.write("job.yaml", ODD + "run: {ranks_per_model: 3}\n")
    for ranks, threads in (1, 1), (1, 2), (2, 1), (3, 1):
        folder = program.path(f"on-{ranks}-{threads}")
        program.run("run", path, "-o", folder, "-t", threads, ranks=ranks)
        result = program.run("verify", program.path("on-1-1"), folder, code=None)
        check(result.code == 0, f"{ranks} ranks of {threads} threads\n{result}")
    losses = {}
    for name in "plain", "pairs", "triplets":
        table = training(program.path("on-1-1"), name)
        losses[name] = table["loss"]
        check(all(map(math.isfinite, table["loss"])), f"{name}: {table}")
        check(all(map(math.isnan, table["robust_validation_accuracy"])), f"{name}: {table}")
    # The term is part of what is told, from the first epoch on.
    for name in "pairs", "triplets":
        check(losses[name][0] > losses["plain"][0] + 0.01, f"{losses}")


# Dense layers so large that the triplets' gradients go by factors, and statistics of their rows.
WIDE = job(training_images=24, epochs=1, batch=12, shard=4, validation_images=4, images=4, block=4,
           attacks="[{kind: uniform, draws: 1}]", epsilons="[0]",
           defenses="[{kind: latent, loss: triplet, margin: 50, attack: fgsm, references: 1}]",
           ).replace("kind: small", "kind: base-norm")


def nor_with_factors_and_statistics(program):
    path = program.write("job.yaml", WIDE + "run: {ranks_per_model: 3}\n")
    for ranks in 1, 3:
        program.run("run", path, "-o", f"on-{ranks}", "-t", 1, ranks=ranks)
    result = program.run("verify", "on-1", "on-3", code=None)
    check(result.code == 0, f"{result}")


def a_run_that_was_killed_goes_on(program):
    text = ODD.replace("epochs: 2", "epochs: 4") + "run: {checkpoint_minutes: 0.001}\n"
    path, out = program.write("job.yaml", text), program.path("out")
    process = program.start("run", path, "-o", out, "-t", 1, ranks=2)
    wait_until(program, process, lambda: len(recorded(out, EPOCH)) >= 3, "epoch")
    for rank in processes(process).values():
        os.kill(rank, signal.SIGKILL)
    check(program.wait(process, crashes=()).code != 0, "a run that was killed is done")
    program.run("run", path, "-o", out, "-t", 1, ranks=3)
    check_same_as_alone(program, text, out)


def what_decides_changes_no_training(program):
    """With the contrastive loss and the logits: the same parameters, judged otherwise."""
    logits = CONTRASTIVE.replace("name: pairs", "name: head, classify: logits")
    text = job(training_images=300, epochs=1, images=40, block=40, attacks="[{kind: fgsm}]",
               epsilons="[0]", defenses=f"[{CONTRASTIVE}, {logits}]")
    program.run("run", program.write("job.yaml", text), "-o", "out", "-t", 1, ranks=2)
    found = {}
    for name in "pairs", "head":
        with h5py.File(program.path("out", "models", name + ".h5")) as file:
            found[name] = file["dense1/weight"][()].tobytes()
    check(found["pairs"] == found["head"], "the parameters differ")
    margins = [values["clean_margin"] for values in samples(program.path("out")).values()]
    check(len(margins) == 2 and margins[0] != margins[1], "the verdicts are the same")
    with h5py.File(program.path("out", "results.h5")) as file:
        keys = {row["defense"]: row["key"] for row in rows(program.path("out"))}
        check(list(file["neighbours"]) == [keys["pairs"]], f"distances of {list(file['neighbours'])}")


main([ranks_and_threads_make_no_difference, nor_with_factors_and_statistics,
      a_run_that_was_killed_goes_on, what_decides_changes_no_training])
