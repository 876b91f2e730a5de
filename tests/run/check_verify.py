#!/usr/bin/env python3
"""check_verify.py ADVGRID: two runs of one job are equal; of a copy in which one thing was changed
`verify` names that thing, with its point and both values."""
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import check, job, require, rows

require("h5py", "numpy")
import h5py
import numpy
from support.verified import BASE, check_equal, compare, equal_text, pair

NAN = numpy.array([0x7fc00000, 0x7fc00001], "<u4").view("<f4")


# ---- equal ----------------------------------------------------------------------------------------

def two_runs_are_equal(program):
    """Two runs of one job, and a folder and itself, under one name and two."""
    result = BASE.run("verify", "a", "again")
    check(result.out == equal_text() and result.err == "", f"expected {equal_text()}{result}")
    check(rows(BASE.path("a"))[0]["seconds"] != rows(BASE.path("again"))[0]["seconds"],
          "the runs took the same time: nothing tells that times do not count")
    pair(program)
    for first, second in ("a", "a"), ("a", "./a"), ("a", "a/"), ("a", "b"):
        check_equal(program, first, second)


def models_from_files_on_two_ranks(program):
    """Another number of ranks and threads; there are no model files in these folders."""
    models = [BASE.path("a", "models", f"{name}.h5") for name in ("none", "noisy")]
    path = program.write("job.yaml", job(
        defenses=f"[{{kind: none, file: {models[0]}}}, {{kind: gaussian-noise, name: noisy, "
                 f"sigma: 0.05, draws: 2, file: {models[1]}}}]", images=40, block=20))
    program.run("run", path, "-o", "a", "-t", 1, ranks=1)
    program.run("run", path, "-o", "b", "-t", 2, ranks=2)
    result = program.run("verify", "a", "b")
    check(result.out == "equal: 12 points, 480 samples, 0 models, 0 parameters\n", f"{result}")


def circumstances_do_not_count(program):
    def change(file):
        for name in ("hosts", "cpu", "kernels", "mpi", "blas", "git_commit", "slurm_job_id",
                     "slurm_array_job_id", "slurm_array_task_id", "slurm_nodes"):
            file.attrs[name] = "another"
        for name in "ranks", "threads", "restarts", "slurm_restart_count":
            file.attrs.modify(name, numpy.int32(77))
        file.attrs["wall_seconds"] = 3.5
        del file.attrs["slurm_nodes"]  # which earlier versions did not write
        del file["ranks"]
        file["ranks/0"] = numpy.arange(3)
        for name in "results", "training/none":
            table = file[name][:]
            table["seconds"] += 1
            file[name][...] = table
    pair(program, results=change)
    check_equal(program)


def unfinished_jobs_are_said_to_be(program):
    pair(program)
    for name in "a", "b":
        with h5py.File(program.path(name, "results.h5"), "r+") as file:
            file.attrs.modify("complete", numpy.int32(0))
    result = program.run("verify", "a", "b")
    check(result.out == equal_text().replace("\n", "; neither job is complete\n"), f"{result}")


# ---- different -----------------------------------------------------------------------------------------

def check_different(program, expected, more=None):
    """The first difference says each of `expected`; `more`: the line behind it, whole."""
    result = program.run("verify", "a", "b", code=1)
    lines = result.out.splitlines()
    check(lines[0].startswith("different: ") and result.err == "", f"{result}")
    for part in expected:
        check(part in lines[0], f"expected '{part}'\n{result}")
    check(lines[1:] == ([more] if more else []), f"expected '{more}' behind it\n{result}")
    back = program.run("verify", "b", "a", code=1)
    check(len(back.out.splitlines()) == len(lines), f"the other way round\n{result}{back}")


def point(row):
    return (f"({row['defense']}, {row['attack']}, epsilon {row['epsilon']:.9g}, "
            f"seed {row['seed']})")


def row_of(defense, attack, epsilon):
    table = rows(BASE.path("a"))
    return next((i, row) for i, row in enumerate(table)
                if (row["defense"], row["attack"]) == (defense, attack)
                and abs(row["epsilon"] - epsilon) < 1e-9)


def set_value(name, index, value):
    def change(file):
        file[name][index] = value
    return change


def set_column(name, row, column, value):
    def change(file):
        table = file[name][:]
        table[column][row] = value
        file[name][...] = table
    return change


def value(file, name, index):
    with h5py.File(BASE.path("a", file)) as opened:
        return opened[name][index]


def last_bit(number):
    return (number.view("u4") ^ numpy.uint32(1)).view("f4")


def bit_of_a_margin(program):
    _, row = row_of("noisy", "pgd", 2 / 255)
    name = f"samples/{row['key']}/margin"
    old = value("results.h5", name, 17)
    new = last_bit(old)
    pair(program, results=set_value(name, 17, new))
    check_different(program, (f"results.h5: /{name}[17]", point(row),
                              f": {old:.9g} in a, {new:.9g} in b"))


def count_of_a_row(program):
    index, row = row_of("none", "fgsm", 8 / 255)
    old = int(row["robust_correct"])
    pair(program, results=set_column("results", index, "robust_correct", old + 1))
    check_different(program, (f"results.h5: /results row {index} {point(row)}, robust_correct: "
                              f"{old} in a, {old + 1} in b",))


def double_of_a_row(program):
    index, row = row_of("none", "pgd", 8 / 255)
    new = numpy.nextafter(row["mean_l2"], 100)
    pair(program, results=set_column("results", index, "mean_l2", new))
    check_different(program, (f"mean_l2: {row['mean_l2']:.17g} in a, {new:.17g} in b",))


def loss_of_an_epoch(program):
    old = value("results.h5", "training/noisy", 1)["loss"]
    new = numpy.nextafter(old, 0)
    pair(program, results=set_column("training/noisy", 1, "loss", new))
    check_different(program, (f"results.h5: /training/noisy row 1 (epoch 2), loss: {old:.17g} in a, "
                              f"{new:.17g} in b",))


def bit_of_a_parameter(program):
    old = value("models/none.h5", "conv1/weight", (3, 1, 0, 2))
    pair(program, model=set_value("conv1/weight", (3, 1, 0, 2), last_bit(old)))
    check_different(program, ("models/none.h5: /conv1/weight[3, 1, 0, 2]",
                              f": {old:.9g} in a, {last_bit(old):.9g} in b"))


def zeros_and_nans_are_bits(program):
    """-0 is not 0, a NaN is itself and no NaN of other bits."""
    def both(first, second):
        pair(program)
        for folder, number in ("a", first), ("b", second):
            with h5py.File(program.path(folder, "models", "none.h5"), "r+") as file:
                file["dense1/bias"][0] = number
    both(0.0, -0.0)
    check_different(program, ("/dense1/bias[0]: 0 in a, -0 in b",))
    both(NAN[1], NAN[1])
    check_equal(program)
    both(NAN[0], NAN[1])
    check_different(program, ("/dense1/bias[0]: nan 0x7fc00000 in a, nan 0x7fc00001 in b",))


def cell_of_the_grid(program):
    pair(program, results=set_value("grid/status", (1, 0, 2, 0), 2))
    check_different(program, ("results.h5: /grid/status[1, 0, 2, 0] (noisy, fgsm, epsilon ",
                              ", seed 1): 1 in a, 2 in b"))


def text_of_the_job(program):
    def change(file):
        text = file.attrs["job"]
        check("epochs: 2\n" in text, text)
        file.attrs["job"] = text.replace("epochs: 2\n", "epochs: 3\n")
        file.attrs["job_digest"] = "0" * 64
        file.attrs["dataset_sha256"] = "other"
    pair(program, results=change)
    check_different(program, ("results.h5: attribute dataset_sha256: '", "' in a, 'other' in b"),
                    "and 2 more: job 2")
    pair(program, results=lambda file: file.attrs.modify(
        "job", file.attrs["job"].replace("epochs: 2\n", "epochs: 3\n")))
    with h5py.File(BASE.path("a", "results.h5")) as file:
        line = file.attrs["job"].splitlines().index("  epochs: 2") + 1
    check_different(program, (f"results.h5: attribute job, line {line}: '  epochs: 2' in a, "
                              "'  epochs: 3' in b",))


def other_attributes(program):
    def schema(file):
        file.attrs.modify("schema_version", numpy.int32(2))
    pair(program, results=schema)
    check_different(program, ("attribute schema_version: 1 in a, 2 in b",))
    pair(program, results=lambda file: file.attrs.modify("complete", numpy.int32(0)))
    check_different(program, ("attribute complete: 1 in a, 0 in b",))
    pair(program, model=lambda file: file.attrs.modify("architecture", "base"))
    check_different(program, ("models/none.h5: attribute architecture: 'small' in a, 'base' in b",))
    pair(program, results=lambda file: file["samples"].attrs.create("note", 1))
    check_different(program, ("results.h5: attribute note of /samples: only in b",))


# ---- what one has alone -----------------------------------------------------------------------------------

def missing_model(program):
    pair(program)
    os.remove(program.path("b", "models", "noisy.h5"))
    check_different(program, ("models/noisy.h5: only in a",))
    shutil.rmtree(program.path("b", "models"))
    check_different(program, ("models/noisy.h5: only in a",), "and 1 more: models 1")


def missing_samples(program):
    _, row = row_of("none", "pgd", 2 / 255)
    def change(file):
        del file[f"samples/{row['key']}"]
    pair(program, results=change)
    check_different(program, (f"results.h5: /samples/{row['key']} {point(row)}: only in a",))
    def one(file):
        del file[f"samples/{row['key']}/linf"]
    pair(program, results=one)
    check_different(program, (f"/samples/{row['key']}/linf {point(row)}: only in a",))


def missing_row(program):
    """A point done in one alone; the rows below it are still those of their points."""
    index, row = row_of("none", "pgd", 2 / 255)
    def change(file):
        table = numpy.delete(file["results"][:], index)
        del file["results"]
        file["results"] = table
        file["grid/status"][0, 1, 1, 0] = 0
    pair(program, results=change)
    check_different(program, (f"results.h5: /results row {index} {point(row)}: done in a, "
                              "missing in b",), "and 1 more: grid 1")


def lone_defense(program):
    def change(file):
        del file["training/noisy"]
    pair(program, results=change)
    check_different(program, ("results.h5: /training/noisy: only in a",))


def other_shapes_and_types(program):
    _, row = row_of("noisy", "fgsm", 0)
    name = f"samples/{row['key']}/l2"
    def shorter(file):
        values = file[name][:-1]
        del file[name]
        file[name] = values
    pair(program, results=shorter)
    check_different(program, (f"/{name} is of shape [40] in a, [39] in b {point(row)}",))
    def wider(file):
        values = file[name][:].astype("f8")
        del file[name]
        file[name] = values
    pair(program, results=wider)
    check_different(program, (f"/{name} differs in type: 32-bit float in a, 64-bit float in b",))
    def transposed(file):
        weight = file["dense1/weight"][:]
        del file["dense1/weight"]
        file["dense1/weight"] = weight.reshape(weight.shape[::-1])
    pair(program, model=transposed)
    sides = value("models/none.h5", "dense1/weight", ()).shape
    check_different(program, (f"/dense1/weight is of shape [{sides[0]}, {sides[1]}] in a, "
                              f"[{sides[1]}, {sides[0]}] in b",))
    def column(file):
        table = file["training/none"][:]
        kept = [field for field in table.dtype.names if field not in ("loss", "seconds")]
        del file["training/none"]
        file["training/none"] = table[kept].astype([(field, table.dtype[field]) for field in kept])
    pair(program, results=column)
    check_different(program, ("/training/none, column loss: only in a",))
    def group(file):
        del file[name]
        file.create_group(name)
    pair(program, results=group)
    check_different(program, (f"/{name}: a dataset in a, a group in b",))


def later_groups(program):
    """What verify never heard of is compared too."""
    _, row = row_of("none", "fgsm", 2 / 255)
    name = f"images/{row['key']}/clean"
    def add(verdict, pixel):
        def change(file):
            file[name] = numpy.full((2, 4, 4, 3), pixel, "f4")
            table = numpy.array([("monotone", True, verdict)],
                                [("gate", h5py.string_dtype()), ("held", "?"), ("verdict", "f8")])
            file["notes"] = table
        return change
    pair(program, results=add(0.5, 0.25))
    check_different(program, ("/images: only in b",), "and 1 more: others 1")
    for verdict, pixel, expected in ((0.5, 0.25, None),
                                     (0.5, 0.125, (f"/{name}[0, 0, 0, 0] {point(row)}: 0.25 in a, "
                                                   "0.125 in b",)),
                                     (0.75, 0.25, ("/notes row 0 (gate monotone), verdict: 0.5 in "
                                                   "a, 0.75 in b",))):
        pair(program, results=add(verdict, pixel))
        with h5py.File(program.path("a", "results.h5"), "r+") as file:
            add(0.5, 0.25)(file)
        if expected is None:
            check_equal(program)
        else:
            check_different(program, expected,
                            "and 95 more: others 95" if pixel != 0.25 else None)


def gates_are_no_difference(program):
    """They follow from the samples; older results have none."""
    def other(file):
        check(len(file["gates"]) > 0, "no gates")
        set_column("gates", 0, "verdict", b"failed")(file)
    pair(program, results=other)
    check_equal(program)
    def none(file):
        del file["gates"]
    pair(program, results=none)
    check_equal(program)
    check_equal(program, "b", "a")


def first_is_the_cause(program):
    """Where all of a model differs, its training is named, and the rest is counted."""
    index, row = row_of("none", "fgsm", 2 / 255)
    def change(file):
        set_column("training/none", 0, "loss", 7)(file)
        set_column("results", index, "ci_low", 7)(file)
        file[f"samples/{row['key']}/l2"][:3] = -1
        file.attrs["kernels"] = "others"
    pair(program, results=change, model=set_value("conv1/bias", 0, 7))
    result = program.run("verify", "a", "b", code=1)
    lines = result.out.splitlines()
    check(lines[0].startswith("different: results.h5: /training/none row 0 (epoch 1), loss: "),
          f"{result}")
    check(lines[1] == "and 5 more: models 1, samples 3, results 1", f"{result}")
    check(lines[2].startswith("a likely reason: the kernels are '")
          and lines[2].endswith("' in a, 'others' in b") and len(lines) == 3, f"{result}")


compare([two_runs_are_equal, models_from_files_on_two_ranks, circumstances_do_not_count,
         unfinished_jobs_are_said_to_be, bit_of_a_margin, count_of_a_row, double_of_a_row,
         loss_of_an_epoch, bit_of_a_parameter, zeros_and_nans_are_bits, cell_of_the_grid,
         text_of_the_job, other_attributes, missing_model, missing_samples, missing_row,
         lone_defense, other_shapes_and_types, later_groups, gates_are_no_difference,
         first_is_the_cause])
