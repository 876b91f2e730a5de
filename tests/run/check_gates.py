#!/usr/bin/env python3
"""check_gates.py ADVGRID: the sanity gates of a run are in its results and behind its table, the
same on any number of ranks; one that fails makes a strict run fail, with all results written."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import Failure, check, job, main, require, rows

require("h5py")
import h5py

GATES = ("epsilon 0 equals clean", "perturbations are within bounds",
         "accuracy does not rise with epsilon", "more steps or restarts do not help the defense",
         "one step is not stronger than many", "a large epsilon brings accuracy near 0",
         "gradients are not zero", "a black-box attack is not stronger than a white-box one",
         "certified accuracy is not above that under attack")
ATTACKS = ("{kind: fgsm}", "{kind: pgd, steps: 5}", "{kind: pgd, name: more, steps: 5, restarts: 2}",
           "{kind: uniform, draws: 3}")
# Five steps that lead nowhere: FGSM finds more, and at epsilon 0.5 nearly all images stand.
TIMID = "{kind: pgd, name: timid, steps: 5, step_size: 1e-6, random_start: false}"


def learned(attacks, **changes):
    """A job of a network that has learned something, so that there is something to lose."""
    return job(training_images=900, epochs=6, images=200, block=50,
               attacks=f"[{', '.join(attacks)}]", epsilons="[0, 8/255, 0.5]", **changes)


def gates(folder):
    """(gate, verdict, text) of each row."""
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        return [tuple(text.decode() for text in row) for row in file["gates"][:]]


def check_shown(found, text):
    """A line each, failures first, in the table's order otherwise."""
    marks = {"failed": "failed", "passed": "passed", "not applicable": "-"}
    order = list(marks)
    want = [f"  {marks[verdict]:6}  {gate}: {what}" for gate, verdict, what in
            sorted(found, key=lambda row: order.index(row[1]))]
    lines = text.splitlines()
    if "sanity gates" not in lines:
        raise Failure(f"no gates in\n{text}")
    begin = lines.index("sanity gates") + 1
    check(lines[begin:begin + len(want)] == want, f"expected {want}\n{text}")


def all_pass_on_any_ranks(program):
    path = program.write("job.yaml", learned(ATTACKS))
    want = None
    for ranks, threads in (1, 1), (2, 1), (3, 1), (0, 2):
        folder = program.path(f"on-{ranks}-{threads}")
        result = program.run("run", path, "-o", folder, "-t", threads, "--strict", ranks=ranks)
        found = gates(folder)
        want = want or found
        check(found == want, f"on {ranks} ranks {found}\nexpected {want}")
        check_shown(found, result.out)
    check(tuple(row[0] for row in want) == GATES, f"the gates are {want}")
    check(all(row[1] == "passed" for row in want[:-1]), f"{want}")  # there are no certificates
    check_shown(want, program.run("status", "--all", program.path("on-2-1")).out)


def strict_runs_fail(program):
    path = program.write("job.yaml", learned(("{kind: fgsm}", TIMID)))
    out = program.path("out")
    for options, code in ((("--strict",), 1), ((), 0), (("--strict",), 1)):
        result = program.run("run", path, "-o", out, *options, ranks=2, code=code)
        told = [line for line in result.messages() if "gate" in line]
        check(told == (["advgrid: 2 sanity gates failed"] if code else []), f"{result}")
        found = gates(out)
        check_shown(found, result.out)
        failed = [gate for gate, verdict, _ in found if verdict == "failed"]
        check(failed == [GATES[4], GATES[5]], f"failed: {found}")
        check(len(rows(out)) == 6, f"{len(rows(out))} points")
        with h5py.File(os.path.join(out, "results.h5")) as file:
            check(file.attrs["complete"] == 1, "the results of a strict run are not complete")
    text = dict((gate, text) for gate, _, text in found)[GATES[4]]
    counts = {(row["attack"], row["epsilon"]): int(row["robust_correct"]) for row in rows(out)}
    named = [f"none: {counts[('timid', epsilon)]} of 200 images stand under timid at epsilon {name}, "
             f"{counts[('fgsm', epsilon)]} under fgsm at epsilon {name}; "
             for epsilon, name in ((8 / 255, "8/255"), (0.5, "0.5"))]
    check(text.startswith(tuple(named)), f"{text}\nexpected one of {named}")


def gates_say_what_does_not_apply(program):
    """One attack at one epsilon: nothing is compared."""
    path = program.write("job.yaml", job(epochs=1, attacks="[{kind: fgsm}]", epsilons="[8/255]"))
    program.run("run", path, "-o", "out", "--strict")
    verdicts = {gate: verdict for gate, verdict, _ in gates(program.path("out"))}
    applicable = [gate for gate in GATES if verdicts[gate] != "not applicable"]
    check(applicable == [GATES[1], GATES[6]], f"{verdicts}")


main([all_pass_on_any_ranks, strict_runs_fail, gates_say_what_does_not_apply])
