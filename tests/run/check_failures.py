#!/usr/bin/env python3
"""check_failures.py ADVGRID: what fails is recorded and named, the rest goes on, the exit code is
1, and the same command tries again."""
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (FAILED, check, job, journal, main, recorded, require, rows, samples,
                            units)

require("h5py")
import h5py


def train(program, name="trained", **changes):
    """A small model as a file."""
    path = program.write("train.yaml", job(epochs=1, epsilons="[0]", attacks="[{kind: fgsm}]",
                                           images=40, **changes))
    program.run("run", path, "-o", name, ranks=0)
    return program.path(name, "models", "none.h5")


def check_told_twice(result, what):
    """What failed was tried once more, and failed again."""
    lines = [line.split("  ", 1)[1] for line in result.err.splitlines()
             if f"  {what} failed" in line]
    first, second = f"{what} failed and is tried once more: ", f"{what} failed: "
    check(len(lines) == 2 and lines[0].startswith(first) and lines[1].startswith(second),
          f"{what} is not told as tried twice\n{result}")


def units_that_fail_leave_the_others(program):
    """A model whose logits are not finite for any image: its units fail one by one."""
    model = train(program)
    shutil.copy(model, program.path("broken.h5"))
    with h5py.File(program.path("broken.h5"), "r+") as file:
        for name in file:
            if "weight" in file[name] and name != "normalize":
                file[name]["weight"][...] = 1e30 * file[name]["weight"][...]
    defenses = f"[{{kind: none, name: broken, file: broken.h5}}, {{kind: none, file: {model}}}]"
    path = program.write("job.yaml", job(defenses=defenses, epsilons="[0, 8/255]"))
    for ranks in 1, 3:
        out = program.path(f"on-{ranks}")
        result = program.run("run", path, "-o", out, "-t", 1, ranks=ranks, code=1)
        for attack in "fgsm", "pgd":
            for first in 0, 40, 80:
                check_told_twice(result, f"broken, {attack} at epsilon 8/255, images {first} to "
                                         f"{first + 39}")
        reasons = [payload.decode() for kind, _, payload in journal(out) if kind == FAILED]
        check(len(reasons) == len(set(recorded(out, FAILED))) == 12, f"{len(reasons)} failures")
        check(all("a logit is not finite" in reason for reason in reasons), f"{reasons}")
        check(len(units(out)) == len(set(units(out))) == 12, f"{len(units(out))} units")
        check(result.messages() == ["advgrid: 12 models or units failed; run the command again to "
                                    "retry"], f"{result}")
        with h5py.File(os.path.join(out, "results.h5")) as file:
            status = file["grid/status"][:]
            check((status[0] == 2).all() and (status[1] == 1).all(), f"grid/status {status}")


def diverging_model_leaves_the_others(program):
    model = train(program)
    tame = f"{{kind: none, name: tame, file: {model}}}"
    path = program.write("job.yaml",
                         job(peak=100, defenses=f"[{{kind: none, name: wild}}, {tame}]"))
    for ranks in 1, 2, 3:
        out = program.path(f"on-{ranks}")
        result = program.run("run", path, "-o", out, ranks=ranks, code=1)
        check_told_twice(result, "wild")
        check("epoch" in result.err and "step" in result.err, f"where it failed\n{result}")
        check(len(recorded(out, FAILED)) == 1, "a failure is recorded when it is final")
        check(len(result.messages()) == 1, f"expected one message of the end\n{result}")
        check("failed" in result.out, f"the table\n{result}")
        table = {(row["defense"], row["attack"], float(row["epsilon"])) for row in rows(out)
                 if row["images"] > 0}
        check(len(table) == 6 and {defense for defense, _, _ in table} == {"tame"}, f"{table}")
        with h5py.File(os.path.join(out, "results.h5")) as file:
            status = file["grid/status"][:]
            check((status[0] == 2).all() and (status[1] == 1).all(), f"grid/status {status}")
            check(file.attrs["complete"] == 0, "complete")
        status = program.run("status", out).out
        check("1 failed" in status and "failed   wild: " in status and "epoch" in status, status)
        check(not os.path.exists(os.path.join(out, "models", "wild.h5")), "a model that diverged")


def failure_is_tried_again(program):
    path, out = program.write("job.yaml", job(peak=100)), program.path("out")
    first = program.run("run", path, "-o", out, ranks=1, code=1)
    second = program.run("run", path, "-o", out, ranks=1, code=1)
    check("none failed" in first.err and "none failed" in second.err, f"{second}")
    program.write("job.yaml", job())
    program.run("run", path, "-o", out, ranks=1)
    check("failed" not in program.run("status", out).out, "a failure of another job's model")


def missing_model_file_is_named(program):
    path = program.write("job.yaml", job(defenses="[{kind: none, file: nowhere.h5}]"))
    for ranks in 0, 2:
        result = program.run("run", path, "-o", "out", ranks=ranks, code=None)
        check(result.code in (1, 2), f"{result}")
        check("nowhere.h5" in result.err, f"{result}")


def wrong_model_file_is_named(program):
    model = train(program)
    path = program.write("job.yaml", job(
        defenses=f"[{{kind: none, file: {model}}}]").replace("kind: small", "kind: linear"))
    result = program.run("run", path, "-o", "out", ranks=1, code=None)
    check(result.code in (1, 2) and model in result.err, f"{result}")
    program.write("model.h5", "this is no HDF5")
    path = program.write("job.yaml", job(defenses="[{kind: none, file: model.h5}]"))
    result = program.run("run", path, "-o", "out2", ranks=1, code=None)
    check(result.code in (1, 2) and "model.h5" in result.err, f"{result}")


def missing_model_is_trained_again(program):
    """A model file that was deleted from the folder is trained again for what is left to do."""
    path, out = program.write("job.yaml", job(epsilons="[0]")), program.path("out")
    program.run("run", path, "-o", out, ranks=1)
    os.remove(os.path.join(out, "models", "none.h5"))
    program.run("run", program.write("job.yaml", job(epsilons="[0, 8/255]")), "-o", out, ranks=1)
    check(len(rows(out)) == 4 and len(units(out)) == 12, "rows or units")


def changed_model_file_is_another_model(program):
    """Another network under the same name: what was done with the old one does not stand."""
    shutil.copy(train(program), program.path("model.h5"))
    path, out = program.path("job.yaml"), program.path("out")
    program.write("job.yaml", job(defenses="[{kind: none, file: model.h5}]", epsilons="[0]"))
    program.run("run", path, "-o", out, ranks=0)
    before = samples(out)
    shutil.copy(train(program, name="other", more="seed: 2\n"), program.path("model.h5"))
    program.run("run", path, "-o", out, ranks=0)
    check(samples(out) != before, "the outcomes of the old model file are still there")


main([diverging_model_leaves_the_others, units_that_fail_leave_the_others, failure_is_tried_again,
      missing_model_file_is_named, wrong_model_file_is_named, missing_model_is_trained_again,
      changed_model_file_is_another_model])
