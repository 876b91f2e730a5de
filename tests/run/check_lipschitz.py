#!/usr/bin/env python3
"""check_lipschitz.py ADVGRID: the defense lipschitz from the job to the results: the bounds that a
run tells are bounds, a heavier penalty makes smaller ones, the bits are the same on any number of
ranks and threads and after a kill, and what cannot be had is refused."""
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (EPOCH, check, check_same_as_alone, job, main, processes, recorded,
                            require, wait_until)

require("h5py", "numpy")
import h5py
import numpy

DEFENSES = ("[{kind: lipschitz, name: told, weight: 0}, {kind: lipschitz, name: light, weight: 0.1}, "
            "{kind: lipschitz, name: heavy, weight: 1, samples: 7}, {kind: none}]")
ODD = job(training_images=203, epochs=3, batch=27, shard=4, validation_images=37, images=30,
          block=20, attacks="[{kind: fgsm}]", epsilons="[4/255]", peak="0.05",
          training="  clip: 2\n  averaging: 0.9\n  augmentation: [flip, crop]",
          defenses="[{kind: lipschitz, name: lip, weight: 0.3}, {kind: adversarial-training, "
                   "name: at, steps: 2, epsilon: 2/255, lipschitz: 0.3}]")


def told_bounds(text, name):
    """Of one model, by layer; `network`: of the whole."""
    lines = re.findall(rf"advgrid: {name}  Lipschitz bounds in L2: (.*)", text)
    check(len(lines) == 1, f"{name}: {lines}")
    return {layer: float(value) for layer, value in re.findall(r"(\w+) ([^,; ]+)", lines[0])}


def parameters(folder, name):
    with h5py.File(os.path.join(folder, "models", name + ".h5")) as file:
        return {group: {key: file[group][key][()].astype(float) for key in file[group]}
                for group in file}


def exact(weight, size=32):
    """The largest singular value where images wrap around, from below that of the supremum: of
    each frequency's matrix between channels (Sedghi et al. 2019, arXiv:1805.10408)."""
    return numpy.linalg.svd(numpy.fft.fft2(weight, (size, size)).transpose(2, 3, 0, 1),
                            compute_uv=False).max()


def lip_grid(weight, samples=120):
    """The Toeplitz bound by its definition, on a fine grid."""
    squares = numpy.abs(numpy.fft.fft2(weight, (samples, samples))) ** 2
    fewer = 1 if weight.shape[1] < weight.shape[0] else 0
    return numpy.sqrt(squares.sum(axis=1 - fewer).max(axis=(1, 2)).sum())


def check_stored(folder, name, told):
    """results.h5 has what was told, and 1 of what stretches nothing."""
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        stored = {row["layer"].decode(): row["bound"] for row in file["lipschitz"][name][:]}
        check("none" not in file["lipschitz"], "bounds of none are stored")
    check(next(iter(stored)) == "network", f"{stored}")
    for layer, bound in stored.items():
        check(f"{bound:.4g}" == f"{told.get(layer, 1):.4g}", f"{name} {layer}: {bound} {told}")


def bounds_are_bounds_and_get_smaller(program):
    text = job(training_images=900, epochs=4, peak="0.02", defenses=DEFENSES, images=40)
    result = program.run("run", program.write("job.yaml", text), "-o", "out", "-t", 1, ranks=2)
    products = []
    for name in "told", "light", "heavy":
        told = told_bounds(result.err, name)
        product = 1
        for layer, values in parameters(program.path("out"), name).items():
            weight = values.get("weight")
            if weight is None:
                low = high = 1 / values["deviation"].min()
            elif weight.ndim == 4:
                low, high = lip_grid(weight), 1.005 * lip_grid(weight)
                check(told[layer] >= exact(weight), f"{name} {layer}: {told}")
            else:
                low = numpy.linalg.svd(weight, compute_uv=False).max()
                high = 1.0101 * low
            # Four digits are told.
            check(low * 0.9995 <= told[layer] <= high * 1.0005, f"{name} {layer}: {low} {told}")
            product *= told[layer]
        check(abs(told["network"] / product - 1) < 0.005, f"{name}: {told} {product}")
        check_stored(program.path("out"), name, told)
        products.append(told["conv1"] * told["conv2"])
    check(products[1] < 0.95 * products[0] and products[2] < 0.8 * products[1], f"{products}")
    check("none  Lipschitz" not in result.err, "bounds of none")
    for name, same in ("told", True), ("light", False):
        mine, other = (parameters(program.path("out"), who) for who in (name, "none"))
        equal = all((mine[layer][key] == other[layer][key]).all()
                    for layer in mine for key in mine[layer])
        check(equal == same, f"{name} and none: equal is {equal}")


def ranks_and_threads_make_no_difference(program):
    path = program.write("job.yaml", ODD + "run: {ranks_per_model: 3}\n")
    for ranks, threads in (1, 1), (1, 2), (2, 1), (3, 1):
        folder = program.path(f"on-{ranks}-{threads}")
        result = program.run("run", path, "-o", folder, "-t", threads, ranks=ranks)
        for name in "lip", "at":
            check(told_bounds(result.err, name)["network"] > 0, f"{name}\n{result}")
        result = program.run("verify", program.path("on-1-1"), folder, code=None)
        check(result.code == 0, f"{ranks} ranks of {threads} threads\n{result}")


def a_run_that_was_killed_goes_on(program):
    text = ODD.replace("epochs: 3", "epochs: 6") + "run: {checkpoint_minutes: 0.001}\n"
    path, out = program.write("job.yaml", text), program.path("out")
    process = program.start("run", path, "-o", out, "-t", 1, ranks=2)
    wait_until(program, process, lambda: len(recorded(out, EPOCH)) >= 2, "epoch")
    for rank in processes(process).values():
        os.kill(rank, signal.SIGKILL)
    check(program.wait(process, crashes=()).code != 0, "a run that was killed is done")
    program.run("run", path, "-o", out, "-t", 1, ranks=3)
    check_same_as_alone(program, text, out)


def what_cannot_be_had_is_refused(program):
    for defense, model, message in (
            ("{kind: lipschitz, samples: 2}", "small",
             "defense 'lipschitz': 'samples' is 2; expected at least 3, the size of conv1's kernel"),
            ("{kind: lipschitz}", "linear",
             "defense 'lipschitz': the model has no convolution to bound"),
            ("{kind: lipschitz, weight: -1}", "small", "weight"),
            ("{kind: lipschitz, samples: 0}", "small", "samples"),
            ("{kind: lipschitz, lambda: 1}", "small", "lambda"),
            ("{kind: adversarial-training, lipschitz: 1}", "linear",
             "defense 'adversarial-training': the model has no convolution to bound")):
        text = job(defenses=f"[{defense}]").replace("kind: small", f"kind: {model}")
        result = program.run("run", program.write("job.yaml", text), "-o", "out", code=2)
        check(message in result.err, f"{defense}\n{result}")
        check(not os.path.exists(program.path("out")), f"{defense} left a folder")
    text = job(defenses="[{kind: adversarial-training}]").replace("kind: small", "kind: linear")
    program.run("plan", program.write("job.yaml", text))


main([bounds_are_bounds_and_get_smaller, ranks_and_threads_make_no_difference,
      a_run_that_was_killed_goes_on, what_cannot_be_had_is_refused])
