#!/usr/bin/env python3
"""check_distances.py ADVGRID: an attack that finds distances is run once for all epsilons of a job,
its rows follow from the distances, and that survives kills, edits, merges and any number of ranks."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import check, job, main, require, rows, units, wait_until

require("h5py", "numpy")
import h5py
import numpy

CW = "{kind: cw, iterations: 40, search_steps: 4}"
ATTACKS = f"[{CW}, {{kind: pgd, name: pgd-l2, norm: l2, steps: 5}}]"
NOISE = "{kind: gaussian-noise, name: noisy, sigma: 0.05, draws: 2}"
EPSILONS = "[0.1, 0.3, 2]"
BLOCKS = 3


def text(**changes):
    return job(**{"attacks": ATTACKS, "epsilons": EPSILONS, "images": 60, "block": 24, **changes})


def check_rows(folder, epsilons):
    """Each row of cw is what its distances say at its epsilon; nothing else tells the rows apart."""
    table = [row for row in rows(folder) if row["attack"] == "cw"]
    for defense in {row["defense"] for row in table}:
        mine = [row for row in table if row["defense"] == defense]
        check([row["epsilon"] for row in mine] == epsilons, f"epsilons {mine}")
        check(len({row["key"] for row in mine}) == len(mine), "rows of one key")
        check(len({(row["gradients"], row["mean_l2"]) for row in mine}) == 1, f"{mine}")
        check(mine[0]["robust_correct"] > mine[-1]["robust_correct"], "epsilon does not matter")
        with h5py.File(os.path.join(folder, "results.h5")) as file:
            for row in mine:
                here = {name: file["samples"][row["key"]][name][:] for name in
                        ("label", "clean_prediction", "prediction", "clean_margin", "margin", "l2")}
                stands = here["l2"] > row["epsilon"]
                check(stands.sum() == row["robust_correct"], f"{row}: {stands.sum()} stand")
                check(((here["prediction"] == here["label"]) == stands).all(), "predictions")
                check((here["margin"][stands] == here["clean_margin"][stands]).all(), "margins")
                wrong = here["clean_prediction"] != here["label"]
                check((here["l2"][wrong] == 0).all(), "images that were wrong from the start")
                found = ~wrong & numpy.isfinite(here["l2"])
                check(numpy.isclose(here["l2"][found].mean(), row["mean_l2"]), "the mean distance")


def once_on_any_number_of_ranks(program):
    path = program.write("job.yaml", text(defenses=f"[{{kind: none}}, {NOISE}]"))
    for ranks in 1, 2, 3:
        folder = f"on-{ranks}"
        program.run("run", path, "-o", folder, "-t", 1, "--strict", ranks=ranks)
        done = units(program.path(folder))
        check(len(done) == len(set(done)) == 2 * (BLOCKS + 3 * BLOCKS), f"{len(done)} units")
        equal = program.run("verify", "on-1", folder)
        check(equal.out.startswith("equal: 12 points"), f"{equal}")
    check_rows(program.path("on-3"), [0.1, 0.3, 2.0])
    # The strongest of the two, but for an image or so by chance.
    for epsilon in 0.1, 0.3:
        of = {row["attack"]: row for row in rows(program.path("on-1"))
              if row["defense"] == "none" and row["epsilon"] == epsilon}
        check(of["cw"]["robust_correct"] <= of["pgd-l2"]["robust_correct"] + 3, f"{of}")
        check(of["pgd-l2"]["mean_l2"] <= epsilon * 1.0001, f"{of}")
    status = program.run("status", "on-2").out
    check("24 of 24 done" in status and "100.0 %" in status, status)


def killed_and_continued(program):
    path = program.write("job.yaml", text(attacks=f"[{CW}]", block=8))
    program.run("run", path, "-o", "whole", "-t", 1)
    process = program.start("run", path, "-o", "out", "-t", 1)
    out = program.path("out")
    wait_until(program, process, lambda: len(units(out)) >= 2, "two units")
    program.kill(process)
    before = units(out)
    check(len(before) < 8, "killed too late to learn anything")
    program.run("run", path, "-o", "out", "-t", 1, ranks=2)
    done = units(out)
    check(done[:len(before)] == before and len(done) == len(set(done)) == 8, f"{len(done)} units")
    check(program.run("verify", "whole", "out").out.startswith("equal: 3 points"), "killed")


def an_epsilon_more_costs_nothing(program):
    program.run("run", program.write("job.yaml", text(attacks=f"[{CW}]")), "-o", "out", "-t", 1)
    out = program.path("out")
    before = units(out)
    check(len(before) == BLOCKS, f"{len(before)} units")
    path = program.write("job.yaml", text(attacks=f"[{CW}]", epsilons="[0.05, 0.1, 0.3, 1, 2]"))
    result = program.run("run", path, "-o", "out", "-t", 1)
    check(units(out) == before, "work was done again for an epsilon")
    check("again" not in result.err, f"{result}")
    check_rows(out, [0.05, 0.1, 0.3, 1.0, 2.0])
    program.run("run", path, "-o", "new", "-t", 1)
    check(program.run("verify", "out", "new").out.startswith("equal: 5 points"), "an epsilon more")


def merged_it_is_taken_once(program):
    for name, epsilons in ("a", "[0.1, 0.3]"), ("b", "[2, 0.3]"):
        path = program.write("job.yaml", text(epsilons=epsilons))
        program.run("run", path, "-o", name, "-t", 1)
    program.run("merge", "a", "b", "-o", "merged")
    done = units(program.path("merged"))
    check(len(done) == len(set(done)) == BLOCKS + 3 * BLOCKS, f"{len(done)} units")
    program.run("run", program.write("job.yaml", text()), "-o", "whole", "-t", 1)
    check(program.run("verify", "merged", "whole").out.startswith("equal: 6 points"), "merged")


main([once_on_any_number_of_ranks, killed_and_continued, an_epsilon_more_costs_nothing,
      merged_it_is_taken_once])
