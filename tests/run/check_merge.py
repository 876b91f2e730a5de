#!/usr/bin/env python3
"""check_merge.py ADVGRID: a job run in parts, by --seed and --defense, and merged is the job run as
a whole, bit for bit; what is missing is done by a run; and what goes wrong leaves nothing behind."""
import os
import resource
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (EPOCH, MODEL, RUN, check, check_same_as_alone, grid, job, main,
                            recorded, require, units, wait_until)

require("h5py")
import h5py

SEEDS = grid(training_images=120, steps=2, more="seeds: [5, 2, 3]")


def run_part(program, *arguments):
    """One part of a job, in its default folder, under one rank of one thread."""
    return program.run("run", "table.yaml", "-t", 1, *arguments)


def parts(program, *names):
    return [os.path.join("results", name) for name in names]


def merge(program, folders, code=0):
    return program.run("merge", *folders, "-o", "merged", code=code)


def seeds_alone_and_merged(program):
    """Three seeds run separately and merged verify against one run with seeds: [5, 2, 3]."""
    program.write("table.yaml", SEEDS)
    for seed in 5, 2, 3:
        run_part(program, "--seed", seed)
    folders = parts(program, "table-seed-5", "table-seed-2", "table-seed-3")
    with open(program.path(folders[1], "job.yaml"), encoding="ascii") as file:
        check("\nseed: 2\n" in file.read(), "the job of a part is the part")
    result = merge(program, folders)
    check("noisy-seed2: clean" in result.out and "missing" not in result.out, f"{result}")
    check_same_as_alone(program, SEEDS, "merged")
    check(sorted(os.listdir(program.folder)) == ["merged", "results", "table.yaml"], "left behind")
    check(len(recorded(program.path("merged"), RUN)) == 1, "one record of a run")
    # In other groups, and some of it twice.
    program.run("merge", *folders[:2], "-o", "two")
    program.run("merge", "two", *folders[1:], "-o", "again")
    check(program.run("verify", "merged", "again").out.startswith("equal: "), "merged in groups")


def defenses_alone_and_merged(program):
    """With the Lipschitz bounds of the one that has them."""
    text = grid(training_images=120, steps=2, second="{kind: lipschitz, weight: 0.1}")
    program.write("table.yaml", text)
    for name in "none", "lipschitz":
        run_part(program, "--defense", name)
    folders = parts(program, "table-defense-none", "table-defense-lipschitz")
    merge(program, folders)
    check_same_as_alone(program, text, "merged")
    bounds = [lipschitz(program.path(folder)) for folder in (folders[1], "merged")]
    check(bounds[0] == bounds[1] and list(bounds[0]) == ["lipschitz"], f"{bounds}")


def lipschitz(folder):
    """The rows of /lipschitz, by model."""
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        return {name: table[:].tolist() for name, table in file["lipschitz"].items()}


def both_at_once(program):
    program.write("table.yaml", SEEDS)
    result = run_part(program, "--defense", "none", "--seed", 3)
    check("results/table-seed-3-defense-none/results.h5" in result.out, f"{result}")
    check(len(recorded(program.path("results", "table-seed-3-defense-none"), MODEL)) == 1,
          "one model is trained")


def a_merged_folder_goes_on(program):
    """What no part has is done by a run on the merged folder, and nothing else."""
    program.write("table.yaml", SEEDS)
    run_part(program, "--seed", 5)
    run_part(program, "--seed", 2, "--defense", "noisy")
    # A part that was killed while it trained.
    killed = program.start("run", "table.yaml", "-t", 1, "--seed", 3)
    folder = program.path("results", "table-seed-3")
    wait_until(program, killed, lambda: recorded(folder, EPOCH), "epoch")
    program.kill(killed)
    merged = program.path("merged")
    result = merge(program, parts(program, "table-seed-5", "table-seed-2-defense-noisy",
                                  "table-seed-3"))
    check("points are missing: advgrid run merged/job.yaml -o merged" in result.out, f"{result}")
    before, models = units(merged), recorded(merged, MODEL)
    check(len(before) >= 54 and len(models) >= 3, f"{len(before)} units, {len(models)} models")
    result = program.run("run", "merged/job.yaml", "-o", "merged", "-t", 1)
    check("again" not in result.err, f"{result}")
    check(units(merged)[:len(before)] == before, "the units that were there stay")
    check(len(set(units(merged))) == len(units(merged)), "a unit was done twice")
    check(recorded(merged, MODEL)[:len(models)] == models, "the models that were there stay")
    check(len(recorded(merged, MODEL)) == 6, "six models in all")
    check_same_as_alone(program, SEEDS, "merged")


# ---- refused -----------------------------------------------------------------------------------

def check_refused(program, result, *expected):
    check(len(result.messages()) == 1 and result.out == "", f"one message\n{result}")
    for part in expected:
        check(part in result.err, f"expected '{part}'\n{result}")
    check(not os.path.exists(program.path("merged")), f"a folder was created\n{result}")
    check(not [name for name in os.listdir(program.folder) if "merging" in name], f"{result}")


def unknown_parts_are_refused(program):
    program.write("table.yaml", SEEDS)
    for ranks, arguments, expected in (
            (0, ("--seed", "1"), "table.yaml: seed '1' is none of the job's: 5, 2, 3"),
            (0, ("--seed", "2x"), "seed '2x' is none of the job's"),
            (0, ("--defense", "../x"), "defense '../x' is none of the job's: none, noisy"),
            (2, ("--defense", "nosy"), "defense 'nosy' is none of the job's: none, noisy")):
        result = program.run("run", "table.yaml", *arguments, ranks=ranks, code=2)
        check_refused(program, result, expected)
    check(os.listdir(program.folder) == ["table.yaml"], "something was created")


def other_folders_are_refused(program):
    small = job(training_images=150, epochs=1, epsilons="[0]", images=20, block=20)
    program.write("table.yaml", small)
    program.run("run", "table.yaml", "-t", 1, "-o", "a")
    program.write("table.yaml", small.replace("epochs: 1", "epochs: 2"))
    program.run("run", "table.yaml", "-t", 1, "-o", "b")
    os.mkdir(program.path("c"))
    for folders, expected in (
            (("a", "b"), "training.epochs is 1 in a and 2 in b"),
            (("a", "c"), "c is no result folder: it has no job.yaml"),
            (("a", "nowhere"), "nowhere is no result folder"),
            (("a", "./a"), "a and ./a are the same folder")):
        check_refused(program, merge(program, folders, code=2), expected)
    result = program.run("merge", "a", "-o", "b", code=2)
    check("b is a result folder already" in result.err, f"{result}")
    result = program.run("merge", "a", "-o", "table.yaml", code=2)
    check("table.yaml" in result.err, f"{result}")


def a_run_that_goes_on_is_refused(program):
    program.write("table.yaml", job(training_images=2000, epochs=500))
    going = program.start("run", "table.yaml", "-t", 1, "-o", "a")
    wait_until(program, going, lambda: recorded(program.path("a"), EPOCH), "epoch")
    try:
        result = merge(program, ["a"], code=1)
        check_refused(program, result, "a/lock", f"process {going.pid} ")
        check(going.poll() is None, "the run was disturbed")
    finally:
        program.kill(going)
    merge(program, ["a"])  # what it left behind can be merged


# ---- interrupted -------------------------------------------------------------------------------

def limited(program, size, killed):
    """A merge that cannot write more than so many bytes to a file: an error, or a signal that
    kills it in the middle of a write."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    # Python itself ignores the signal, and restores it for children where it is asked to.
    return subprocess.run([program.binary, "merge", "a", "b", "-o", "merged"], cwd=program.folder,
                          env=program.environment, preexec_fn=limit, restore_signals=killed,
                          capture_output=True, text=True, timeout=60, check=False)


def an_interrupted_merge_leaves_nothing(program):
    """Whole folders or none: as in the middle of a model's file, or a byte before its end."""
    program.write("table.yaml", job(training_images=150, epochs=1, images=80, block=20,
                                    more="seeds: [1, 2]"))
    for seed, folder in (1, "a"), (2, "b"):
        program.run("run", "table.yaml", "-t", 1, "--seed", seed, "-o", folder)
    model = os.path.getsize(program.path("a", "models", "none.h5"))
    for size in 1000, model - 1:
        result = limited(program, size, killed=False)
        lines = [line for line in result.stderr.splitlines() if "taken over" not in line]
        check(result.returncode == 1 and len(lines) == 1 and "File too large" in lines[0],
              f"{size}: {result}")
        check(sorted(os.listdir(program.folder)) == ["a", "b", "table.yaml"], f"{size}: {result}")
        result = limited(program, size, killed=True)
        check(result.returncode < 0, f"{size}: {result}")
        check(not os.path.exists(program.path("merged")), f"{size}: looks complete")
        left = [name for name in os.listdir(program.folder) if name.startswith("merged.merging-")]
        check(len(left) == 1, f"{size}: {left}")
        check("no result folder" in program.run("status", left[0], code=2).err, "what is left")
        subprocess.run(["rm", "-r", program.path(left[0])], check=True)
    merge(program, ["a", "b"])


main([seeds_alone_and_merged, defenses_alone_and_merged, both_at_once, a_merged_folder_goes_on,
      unknown_parts_are_refused, other_folders_are_refused, a_run_that_goes_on_is_refused,
      an_interrupted_merge_leaves_nothing])
