#!/usr/bin/env python3
"""check_transfer.py ADVGRID: images that are made on one model and judged by another: weaker than an
attack that sees the model itself, the same bits on any number of ranks, after kills, from files and
in parts, and done again when either model is another one."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (EPOCH, FAILED, MODEL, NOISY, check, check_same_as_alone, job, main,
                            recorded, require, rows, units, wait_until)

require("h5py")
import h5py

AT = ("{kind: adversarial-training, name: at, attack: fgsm, epsilon: 2/255, warmup: 3, keep: last}")
ATTACKS = "[{kind: pgd, steps: 5}, {kind: transfer, steps: 5}]"
BLOCKS = 3


def text(**changes):
    """Two models, quickly trained, in blocks of 24 of 60 images."""
    return job(**{"training_images": 300, "epochs": 1, "defenses": f"[{{kind: none}}, {NOISY}]", "attacks": ATTACKS,
                  "epsilons": "[0, 4/255]", "images": 60, "block": 24, **changes})


def run(program, text, out, *arguments, **how):
    path = program.write("job.yaml", text)
    return program.run("run", path, "-o", out, "-t", 1, *arguments, **how)


def equal(program, one, other, points):
    result = program.run("verify", one, other, code=None)
    check(result.code == 0 and result.out.startswith(f"equal: {points} points"), f"{result}")


def it_is_weaker_than_an_attack_on_the_model_itself(program):
    run(program, text(training_images=900, epochs=8, images=200, block=50, batch=16, shard=8,
                      defenses=f"[{{kind: none}}, {AT}]", epsilons="[0, 2/255, 4/255, 8/255]"),
        "out", "--strict", ranks=2)
    found = {(row["defense"], row["attack"], round(255 * row["epsilon"])): row
             for row in rows(program.path("out"))}
    clean = found["at", "pgd", 0]["robust_correct"]
    for epsilon in 0, 2, 4, 8:
        seen, other = (found["at", attack, epsilon] for attack in ("pgd", "transfer"))
        check(seen["robust_correct"] <= other["robust_correct"] <= clean, f"{seen}\n{other}")
        # On the model that it comes from it is an attack by that model's gradients.
        seen, same = (found["none", attack, epsilon] for attack in ("pgd", "transfer"))
        check(abs(float(seen["robust_correct"]) - float(same["robust_correct"])) <= 2,
              f"{seen}\n{same}")
    # By hand 36 % against 62 % at 4/255 and 92 % without: far apart on both sides.
    seen, other = (found["at", attack, 4]["robust_correct"] for attack in ("pgd", "transfer"))
    check(seen + 20 < other < clean - 20, f"{seen} stand pgd, {other} transfer, {clean} all")
    with h5py.File(program.path("out", "results.h5")) as file:
        gate = {row[0].decode(): (row[1].decode(), row[2].decode()) for row in file["gates"][:]}
    verdict = gate["a black-box attack is not stronger than a white-box one"]
    check(verdict == ("passed", "3 pairs of attacks"), f"{gate}")


# The source draws noise, and so does who is judged by the images of the other.
BOTH = ("[{kind: pgd, steps: 3}, {kind: transfer, steps: 3, restarts: 2}, "
        "{kind: transfer, name: from-noisy, from: noisy, steps: 3, norm: l2}]")


def ranks_make_no_difference(program):
    for ranks in 1, 2, 3:
        run(program, text(attacks=BOTH, more="seeds: [1, 2]"), f"on-{ranks}", ranks=ranks)
        done = units(program.path(f"on-{ranks}"))
        check(len(done) == len(set(done)) == 2 * 2 * 3 * 2 * BLOCKS, f"{len(done)} units")
        equal(program, "on-1", f"on-{ranks}", 24)
    status = program.run("status", "on-3").out
    check("72 of 72 done" in status and "100.0 %" in status, status)


def killed_and_continued(program):
    """Once while a model is trained, and once when some units are done."""
    slow = text(attacks="[{kind: transfer, steps: 40}]", block=6)
    path, out = program.write("job.yaml", slow), program.path("out")
    for what, kind in ("model", MODEL), ("unit", None):
        process = program.start("run", path, "-o", out, "-t", 1)
        wait_until(program, process,
                   lambda kind=kind: recorded(out, kind) if kind else len(units(out)) >= 3, what)
        program.kill(process)
    before = units(out)
    check(len(before) < 40, "killed too late to learn anything")
    program.run("run", path, "-o", out, "-t", 1, ranks=2)
    done = units(out)
    check(done[:len(before)] == before and len(done) == len(set(done)) == 40, f"{len(done)} units")
    check_same_as_alone(program, slow, out)


def a_source_trained_anew_opens_its_units(program):
    """An edit of either defense does its own points and those by its images again; others stay."""
    defenses = "[{kind: none}, {kind: gaussian-noise, name: noisy, sigma: SIGMA, draws: 2}]"
    before = text(attacks=ATTACKS.replace("transfer,", "transfer, from: noisy,"),
                  defenses=defenses.replace("SIGMA", "0.05"))
    after = before.replace("sigma: 0.05", "sigma: 0.2")
    run(program, before, "out")
    old = units(program.path("out"))
    result = run(program, after, "out")
    told = "defense 'noisy': sigma was 0.05 and is 0.2: "
    check(f"{told}'noisy' is trained again; 4 finished points of it are done again" in result.err
          and f"{told}2 finished points are done again" in result.err, f"{result}")
    done = units(program.path("out"))
    check(done[:len(old)] == old and len(done) == len(old) + 6 * BLOCKS, f"{len(done)} units")
    check_same_as_alone(program, after, program.path("out"))


def a_source_whose_file_was_lost_opens_its_units(program):
    """Its model is trained again, to the same bits: what was done by it stands."""
    run(program, text(), "out")
    before = units(program.path("out"))
    os.remove(program.path("out", "models", "none.h5"))
    result = run(program, text(), "out")
    check("none is trained again" in result.err, f"{result}")
    check(units(program.path("out")) == before, "units were done again")


def from_a_file(program):
    """A source that somebody else has trained; another file is another source."""
    for name, epochs in ("one", 1), ("two", 2):
        run(program, text(epochs=epochs, defenses="[{kind: none}]", attacks="[{kind: fgsm}]"), name)
    given = text(defenses=f"[{{kind: none, file: one/models/none.h5}}, {NOISY}]")
    run(program, given, "out", ranks=2)
    run(program, text(), "trained")
    of = [{(row["defense"], row["attack"], row["epsilon"]): row["mean_l2"]
           for row in rows(program.path(name))} for name in ("out", "trained")]
    check(of[0] == of[1], f"{of}: the file is the model that is trained otherwise")
    before = units(program.path("out"))
    run(program, given.replace("one/", "two/"), "out", ranks=2)
    done = units(program.path("out"))
    # Both attacks on the source, and one of the two on the other.
    check(len(done) == len(before) + 6 * BLOCKS, f"{len(done)} after {len(before)} units")


def in_parts(program):
    """A part keeps what it needs, and says so; merged they are the whole."""
    program.write("job.yaml", text())
    kept = "defense 'none' is kept too: an attack takes its images from it"
    for name in "none", "noisy":
        result = program.run("run", "job.yaml", "-t", 1, "-o", name, "--defense", name, ranks=2)
        check(result.err.count(kept) == (name == "noisy"), f"{result}")
    program.run("merge", "none", "noisy", "-o", "merged")
    check_same_as_alone(program, text(), program.path("merged"))
    program.run("merge", "noisy", "none", "-o", "again")
    equal(program, "merged", "again", 8)
    seeds = text(more="seeds: [1, 2]")
    program.write("job.yaml", seeds)
    for seed in 1, 2:
        program.run("run", "job.yaml", "-t", 1, "-o", f"seed-{seed}", "--seed", seed)
    program.run("merge", "seed-1", "seed-2", "-o", "seeds")
    check_same_as_alone(program, seeds, program.path("seeds"))


def a_source_that_fails_takes_its_units_along(program):
    run(program, text(defenses="[{kind: none}]"), "trained")
    tame = "{kind: none, name: tame, file: trained/models/none.h5}"
    wild = "{kind: gaussian-noise, name: wild, sigma: 0.05}"
    failing = text(defenses=f"[{wild}, {tame}]", peak=100,
                   attacks="[{kind: pgd, steps: 5}, {kind: transfer, from: wild, steps: 5}]")
    for ranks in 1, 3:
        out = program.path(f"on-{ranks}")
        result = run(program, failing, out, ranks=ranks, code=1)
        check(len(recorded(out, FAILED)) == 1 and not recorded(out, EPOCH)[1:], f"{result}")
        found = {(row["defense"], row["attack"]) for row in rows(out)}
        check(found == {("tame", "pgd")}, f"{found}")
        with h5py.File(os.path.join(out, "results.h5")) as file:
            status = file["grid/status"][:, :, 0, 0].tolist()
            check(status == [[2, 2], [1, 2]], f"{status}")
            check(file["failures"].shape == (1,), f"{file['failures'][:]}")
        check("failed   wild: " in program.run("status", out).out, "status")


def mistakes(program):
    path = program.write("job.yaml", text(defenses=f"[{NOISY}]"))
    result = program.run("run", path, "-o", "out", code=2)
    check(result.messages() == [f"advgrid: {path}:13: attack 'transfer' takes its images from "
                                "'none', which is no defense of the job; expected noisy"],
          f"{result}")
    check(not os.path.exists(program.path("out")), "something was written")


main([it_is_weaker_than_an_attack_on_the_model_itself, ranks_make_no_difference,
      killed_and_continued, a_source_trained_anew_opens_its_units,
      a_source_whose_file_was_lost_opens_its_units, from_a_file, in_parts,
      a_source_that_fails_takes_its_units_along, mistakes])
