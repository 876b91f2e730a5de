"""Two folders of one run, of which a test changes one, and what `advgrid verify` says of them."""
import functools
import shutil
import sys

import h5py

from support.runner import Program, check, job, main

DEFENSES = "[{kind: none}, {kind: gaussian-noise, name: noisy, sigma: 0.05, draws: 2}]"
BASE = Program(sys.argv[1])


def run_once():
    path = BASE.write("job.yaml", job(training_images=200, epochs=2, images=40, block=20,
                                      defenses=DEFENSES))
    for name in "a", "again":
        BASE.run("run", path, "-o", name, "-t", 1, ranks=1)


def pair(program, results=None, model=None):
    """Folders a and b in the test's own folder, b changed by functions of its files."""
    for name in "a", "b":
        shutil.rmtree(program.path(name), ignore_errors=True)
        shutil.copytree(BASE.path("a"), program.path(name))
    for change, path in (results, "results.h5"), (model, "models/none.h5"):
        if change:
            with h5py.File(program.path("b", path), "r+") as file:
                change(file)


def check_equal(program, first="a", second="b"):
    result = program.run("verify", first, second)
    check(result.out == equal_text() and result.err == "", f"{result}")


def parameters():
    total = 0
    for name in "none", "noisy":
        with h5py.File(BASE.path("a", "models", f"{name}.h5")) as file:
            sizes = []
            file.visititems(lambda _, item: sizes.append(item.size)
                            if isinstance(item, h5py.Dataset) else None)
            total += sum(sizes)
    return total


@functools.cache
def equal_text():
    """What is said of two folders that are equal."""
    return f"equal: 12 points, 480 samples, 2 models, {parameters()} parameters\n"


def compare(tests):
    """Runs tests of copies of the one run."""
    try:
        run_once()
        main(tests)
    finally:
        BASE.remove()
