#!/usr/bin/env python3
"""check_batch_norm.py ADVGRID: a job with batch normalisation from training to results, on one rank
and on two, plain and with noise between a convolution and the layer that evaluation would fold
into it."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import check, check_same_samples, main, require, rows, samples

require("h5py", "numpy")
import h5py
import numpy

NOISE = "{kind: gaussian-noise, name: noisy, after: conv1, sigma: 0.05, draws: 2%s}"


def job(defenses):
    return f"""name: normalised
dataset: {{kind: synthetic, training_images: 64, validation_images: 8, test_images: 24}}
model: {{kind: base-norm, dropout: 0}}
training:
  epochs: 1
  batch: 16
  shard: 8
  schedule: {{kind: constant, peak: 0.005}}
defenses: {defenses}
attacks: [{{kind: fgsm}}, {{kind: pgd, steps: 2}}]
epsilons: [0, 8/255]
evaluation: {{images: 24, block: 8}}
"""


def parameters(folder, name):
    """The model file's arrays by name."""
    found = {}
    with h5py.File(os.path.join(folder, "models", f"{name}.h5")) as file:
        check(file.attrs["architecture"] == "base-norm", "the architecture's name")
        file.visititems(lambda path, item: found.update({path: item[()]})
                        if isinstance(item, h5py.Dataset) else None)
    return found


def check_parameters(values, what):
    """All that a network of six normalised convolutions has, with statistics that moved."""
    roles = ("weight", "bias", "mean", "variance")
    names = {f"norm{i}/{role}" for i in range(1, 7) for role in roles}
    check({name for name in values if name.startswith("norm") and name[4].isdigit()} == names,
          f"{what}: {sorted(values)}")
    for i in range(1, 7):
        mean, variance = values[f"norm{i}/mean"], values[f"norm{i}/variance"]
        check(mean.shape == variance.shape == values[f"conv{i}/bias"].shape, f"{what}: norm{i}")
        check((variance > 0).all() and (variance != 1).all(), f"{what}: norm{i}/variance")
        check((mean != 0).all(), f"{what}: norm{i}/mean")


def check_rows(folder):
    table = rows(folder)
    check(len(table) == 8, f"{len(table)} rows")
    check({row["defense"] for row in table} == {"none", "noisy"}, "the defenses")
    for row in table:
        check(row["images"] == 24 and row["clean_correct"] > 0, f"nothing to attack: {row}")
        check(row["robust_correct"] <= row["clean_correct"], f"{row}")
        check(row["max_linf"] <= row["epsilon"] + 1e-7 and row["gradients"] > 0, f"{row}")
        check((row["mean_linf"] > 0) == (row["epsilon"] > 0), f"{row}")
        with h5py.File(os.path.join(folder, "results.h5")) as file:
            group = {name: values[:] for name, values in file["samples"][row["key"]].items()}
        right = group["clean_prediction"] == group["label"]
        lost = (group["clean_margin"] - group["margin"])[right].mean()
        # So short a training gives hardly an image that falls, but margins shrink.
        check(lost > 0.1 if row["epsilon"] > 0 else abs(lost) < 1e-6, f"lost {lost} in {row}")


def from_training_to_results(program):
    path = program.write("job.yaml", job(f"[{{kind: none}}, {NOISE % ''}]"))
    trained = {}
    for ranks in 1, 2:
        folder = program.path(f"on-{ranks}")
        program.run("run", path, "-o", folder, "-t", 1, ranks=ranks)
        check_rows(folder)
        trained[ranks] = {name: parameters(folder, name) for name in ("none", "noisy")}
        for name, values in trained[ranks].items():
            check_parameters(values, f"{name} on {ranks}")
    for name, values in trained[1].items():
        for what, value in values.items():
            check(numpy.array_equal(trained[2][name][what], value),
                  f"{what} of {name} differs on two ranks")
    models_give_the_same_outcomes(program, program.path("on-1", "models"))


def models_give_the_same_outcomes(program, models):
    """The files that one rank trained, attacked by two, and by two threads."""
    files = [f"file: {os.path.join(models, name)}.h5" for name in ("none", "noisy")]
    path = program.write("attack.yaml",
                         job(f"[{{kind: none, {files[0]}}}, {NOISE % (', ' + files[1])}]"))
    want = samples(program.path("on-1"))
    for ranks, threads in (2, 1), (0, 2):
        folder = program.path(f"attacked-{ranks}-{threads}")
        program.run("run", path, "-o", folder, "-t", threads, ranks=ranks)
        check_same_samples(samples(folder), want, f"{ranks} ranks of {threads} threads")


main([from_training_to_results])
