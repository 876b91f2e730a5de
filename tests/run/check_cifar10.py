#!/usr/bin/env python3
"""check_cifar10.py ADVGRID SOURCE: two thousand images of CIFAR-10 through `run -d`. Exit code 77
where the data is neither in ADVGRID_CIFAR10 nor in ../shared/data beside the source tree."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import check, job, main, require, rows

require("h5py", "torch", "yaml")
import h5py

PLACES = [os.environ.get("ADVGRID_CIFAR10", ""),
          os.path.join(sys.argv[2], "..", "shared", "data", "cifar-10-batches-bin")]
FOLDER = next((os.path.abspath(place) for place in PLACES
               if place and os.path.exists(os.path.join(place, "data_batch_1.bin"))), None)
if FOLDER is None:
    print("skipped: no CIFAR-10; set ADVGRID_CIFAR10 to the folder of its binary version")
    sys.exit(77)


def learns_and_falls(program):
    text = job(training_images=2000, epochs=1, images=200, block=50,
               epsilons="[0, 2/255, 8/255]")
    out = program.path("out")
    program.run("run", program.write("job.yaml", text), "-d", FOLDER, "-o", out, ranks=2)
    table = rows(out)
    check(len(table) == 6, f"{len(table)} rows")
    check(table[0]["clean_accuracy"] > 0.2, f"clean accuracy {table[0]['clean_accuracy']}")
    for attack in "fgsm", "pgd":
        curve = [row["robust_accuracy"] for row in table if row["attack"] == attack]
        check(curve[0] > curve[1] > curve[2], f"{attack}: {curve}")
    with h5py.File(os.path.join(out, "results.h5")) as file:
        check("cifar10" in file.attrs["dataset"], f"dataset is {file.attrs['dataset']}")


def same_images_by_the_job(program):
    """`-d` and `dataset: {kind: cifar10, path: ...}` are the same job."""
    text = job(training_images=200, epochs=1, images=40, epsilons="[2/255]",
               attacks="[{kind: fgsm}]")
    program.run("run", program.write("by-d.yaml", text), "-d", FOLDER, "-o", "by-d")
    named = text.replace("kind: synthetic", f"kind: cifar10, path: {FOLDER}")
    program.run("run", program.write("by-job.yaml", named), "-o", "by-job")
    program.environment["ADVGRID_CIFAR10"] = FOLDER
    found = text.replace("kind: synthetic", "kind: cifar10")
    program.run("run", program.write("by-environment.yaml", found), "-o", "by-environment")
    keys = {rows(program.path(name))[0]["key"] for name in ("by-d", "by-job", "by-environment")}
    check(len(keys) == 1, f"keys {keys}")


def falls_in_pytorch(program):
    """Networks without noise, with it, and with it on the pixels, attacked by PyTorch too."""
    text = job(training_images=2000, epochs=1, images=60, block=60, epsilons="[4/255]",
               defenses="[{kind: none}, {kind: gaussian-noise, sigma: 0.05, draws: 4},"
                        " {kind: gaussian-noise, name: smoothing, after: pixels, sigma: 0.1, draws: 5,"
                        " vote: majority}]",
               attacks="[{kind: fgsm}, {kind: pgd, steps: 5, random_start: false}]")
    out = program.path("attacked")
    program.run("run", program.write("attacked.yaml", text), "-d", FOLDER, "-o", out)
    script = os.path.join(sys.argv[2], "tests", "python", "check_run.py")
    done = subprocess.run([sys.executable, script, out, FOLDER, "60"], capture_output=True,
                          text=True, check=False)
    check(done.returncode == 0, done.stdout + done.stderr)
    check(done.stdout.count(" in PyTorch") == 6, done.stdout)


main([learns_and_falls, same_images_by_the_job, falls_in_pytorch])
