#!/usr/bin/env python3
"""check_results.py ADVGRID: a trained network's results make sense, and h5py and pandas read
them as the README says."""
import math
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import check, job, main, require, rows

require("h5py", "pandas", "numpy")
import h5py
import numpy

EPSILONS = [0, 1 / 255, 4 / 255, 8 / 255]


def curve_of(table, attack):
    found = {float(row["epsilon"]): row for row in table if row["attack"] == attack}
    check(numpy.allclose(sorted(found), EPSILONS), f"epsilons of {attack}: {sorted(found)}")
    return [found[epsilon] for epsilon in sorted(found)]


def check_row(row):
    images, right, robust = (int(row[name]) for name in
                             ("images", "clean_correct", "robust_correct"))
    check(images == 400 and 0 <= robust <= right <= images, f"counts of {row}")
    check(math.isclose(row["clean_accuracy"], right / images), f"clean_accuracy of {row}")
    check(math.isclose(row["robust_accuracy"], robust / images), f"robust_accuracy of {row}")
    check(math.isclose(row["robust_accuracy_of_correct"], robust / right), f"of correct: {row}")
    check(row["ci_low"] <= row["robust_accuracy"] <= row["ci_high"], f"interval of {row}")
    check(row["max_linf"] <= row["epsilon"] + 1e-7, f"max_linf of {row}")
    check(row["mean_linf"] <= row["max_linf"] + 1e-9, f"mean_linf of {row}")
    check(row["seed"] == 1 and len(row["key"]) == 64, f"seed and key of {row}")


def check_samples(out):
    """Each image by itself: the bound, and margins that agree with predictions."""
    with h5py.File(os.path.join(out, "results.h5")) as file:
        for row in rows(out):
            group = {name: values[:] for name, values in file["samples"][row["key"]].items()}
            check((group["index"] == numpy.arange(400)).all(), "the images are not in order")
            right = group["clean_prediction"] == group["label"]
            check((group["linf"] <= row["epsilon"] + 1e-7).all(), "an image beyond epsilon")
            check((group["linf"][~right] == 0).all(), "an image was attacked that was wrong")
            check(((group["margin"] > 0) <= (group["prediction"] == group["label"])).all(),
                  "margins and predictions disagree")
            check(((group["margin"] < 0) <= (group["prediction"] != group["label"])).all(),
                  "margins and predictions disagree")
            if row["epsilon"] == 0:
                check((group["prediction"] == group["clean_prediction"]).all(), "epsilon 0")


def check_pandas(out):
    """The README's line."""
    line = (f"import h5py, pandas; print(pandas.DataFrame(h5py.File('{out}/results.h5')"
            "['results'][:]))")
    text = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False)
    check(text.returncode == 0, f"{text.stderr}")
    check("[8 rows x 19 columns]" in text.stdout, f"pandas prints\n{text.stdout}")


def results_make_sense(program):
    path = program.write("job.yaml", job(
        training_images=900, epochs=6, images=400, block=100,
        attacks="[{kind: fgsm}, {kind: pgd, steps: 7}]",
        epsilons="[0, 1/255, 4/255, 8/255]"))
    out = program.path("out")
    result = program.run("run", path, "-o", out, ranks=2)
    table = rows(out)
    check(len(table) == 8, f"{len(table)} rows")
    for row in table:
        check_row(row)
    fgsm, pgd = curve_of(table, "fgsm"), curve_of(table, "pgd")
    check(fgsm[0]["clean_accuracy"] > 0.5, f"a network that learned nothing: {fgsm[0]}")
    for curve in fgsm, pgd:
        check(curve[0]["robust_correct"] == curve[0]["clean_correct"], f"at epsilon 0 {curve[0]}")
        for weak, strong in zip(curve, curve[1:]):
            check(strong["robust_accuracy"] <= weak["ci_high"], f"{strong} is above {weak}")
    for weak, strong in zip(fgsm, pgd):
        check(strong["robust_accuracy"] <= weak["ci_high"], f"PGD {strong} is above FGSM {weak}")
    check(fgsm[3]["robust_accuracy"] < 0.5 * fgsm[0]["robust_accuracy"], "FGSM at 8/255 is weak")
    check(all(f"{100 * row['robust_accuracy']:.2f}" in result.out for row in table),
          f"the printed table\n{result}")
    check_samples(out)
    check_pandas(out)
    with h5py.File(os.path.join(out, "results.h5")) as file:
        check(file.attrs["complete"] == 1 and file.attrs["ranks"] == 2, "attributes")
        check(len(file["training/none"]) == 6, "epochs")
        with open(os.path.join(out, "job.yaml"), encoding="utf-8") as job_text:
            check(file.attrs["job"] == job_text.read(), "the job's text")
        names = set(file["results"]["defense"]) | set(file["results"]["attack"])
        check(names == {b"none", b"fgsm", b"pgd"}, f"names with more than their letters: {names}")


def job_in_the_folder_runs_again(program):
    """job.yaml in the folder has every default; run from there it gives the same keys."""
    out = program.path("out")
    program.run("run", program.write("job.yaml", job(epochs=1, epsilons="[2/255]")), "-o", out)
    again = program.path("again")
    program.run("run", os.path.join(out, "job.yaml"), "-o", again)
    check([row["key"] for row in rows(again)] == [row["key"] for row in rows(out)], "keys")


main([results_make_sense, job_in_the_folder_runs_again])
