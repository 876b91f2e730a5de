#!/usr/bin/env python3
"""check_details.py ADVGRID: what images bring home besides outcomes, from job to results.h5: right by
numpy, the same bits on any number of ranks, after kills, edits and merges, and never asked of work
that was finished before there was any."""
import hashlib
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (UNIT, check, check_same_as_alone, job, journal, main, recorded, require,
                            rows, units, wait_until)

require("h5py", "numpy")
import h5py
import numpy

NOISY = "{kind: gaussian-noise, name: noisy, sigma: 0.1, draws: 5}"
NEAREST = "{kind: latent, layer: conv2, references: 3}"
CW = "{kind: cw, iterations: 30, search_steps: 2}"
LATENT = ", latent: conv2, latent_images: 20"
IMAGES, EXAMPLES, POINTS, BLOCKS, DRAWS = 40, 4, 20, 3, 5
GROUPS = "examples latent neighbours draws".split()
HEAD, OUTCOME = 64, 24  # bytes of a unit's record and of each outcome behind it


def text(options="", **changes):
    """A job on models that are hardly trained, if nothing else is said."""
    return job(**{"defenses": f"[{{kind: none}}, {NOISY}, {NEAREST}]",
                  "attacks": f"[{{kind: fgsm}}, {CW}]", "epsilons": "[4/255, 1]",
                  "images": IMAGES, "block": f"16{options}", "training_images": 200, "epochs": 1,
                  **changes})


SMALL = {"defenses": "[{kind: none}]", "attacks": "[{kind: fgsm}]", "epsilons": "[4/255]"}


def run(program, folder, of, *more, **how):
    return program.run("run", program.write("job.yaml", of), "-o", folder, "-t", 1, *more, **how)


def equal(program, one, other):
    result = program.run("verify", one, other, code=None)
    check(result.code == 0 and result.out.startswith("equal: "), f"{result}")


# ---- what is stored ------------------------------------------------------------------------------

def read(group):
    return {name: values[:] for name, values in group.items()}


def margins(probabilities, labels):
    """log p_label - log of the largest other: the margin of the logits that they are made of."""
    logs = numpy.log(probabilities.astype(float))
    mine = numpy.take_along_axis(logs, labels[:, None].astype(int), 1)[:, 0]
    numpy.put_along_axis(logs, labels[:, None].astype(int), -numpy.inf, 1)
    return mine - logs.max(1)


def check_examples(group, samples, row):
    mine = read(group)
    check(list(mine["index"]) == list(range(EXAMPLES)), f"examples {mine['index']}")
    check(mine["clean"].shape == mine["adversarial"].shape == (EXAMPLES, 32, 32, 3), "pixels")
    moved = (mine["adversarial"].astype(float) - mine["clean"]).reshape(EXAMPLES, -1)
    near = numpy.ones(EXAMPLES, bool)
    if row["attack"] == "cw":  # beyond epsilon the image is the clean one
        near = samples["l2"][:EXAMPLES] <= row["epsilon"]
    check(not moved[~near].any(), f"{row}: an image that stands has moved")
    check(numpy.allclose(abs(moved).max(1)[near], samples["linf"][:EXAMPLES][near], atol=1e-6),
          f"{row}: distances of the examples")
    check(numpy.allclose(numpy.sqrt((moved ** 2).sum(1))[near], samples["l2"][:EXAMPLES][near],
                         rtol=1e-5), f"{row}: distances of the examples")
    for name in "clean", "adversarial", "clean_probabilities", "probabilities":
        check(mine[name].dtype == numpy.float32 and mine[name].min() >= 0 and
              mine[name].max() <= 1, f"{row}: {name}")
    for side, name in ("clean_", "clean_probabilities"), ("", "probabilities"):
        p = mine[name]
        check(p.shape == (EXAMPLES, 10) and numpy.allclose(p.sum(1), 1, atol=1e-6), f"{row}: {name}")
        check((p.argmax(1) == samples[side + "prediction"][:EXAMPLES]).all(), f"{row}: {name}")
        if (p > 1e-30).all():
            want = samples[side + "margin"][:EXAMPLES]
            check(numpy.allclose(margins(p, mine["label"]), want, rtol=1e-3, atol=1e-3),
                  f"{row}: {name} of {want}: {margins(p, mine['label'])}")


def check_latent(group, samples, row):
    """The plane is that of numpy's singular vectors."""
    mine = read(group)
    check(group.attrs["layer"] == "conv2" and mine["clean"].shape == (POINTS, 8 * 8 * 16), "points")
    check((mine["prediction"] == samples["prediction"][:POINTS]).all(), f"{row}: predictions")
    clean, attacked = (mine[name].astype(float) for name in ("clean", "attacked"))
    mean = clean.mean(0)
    _, values, axes = numpy.linalg.svd(clean - mean, full_matrices=False)
    shares = values[:2] ** 2 / (values ** 2).sum()
    check(numpy.allclose(group.attrs["explained_variance"], shares, rtol=1e-9), f"{row}: {shares}")
    axes = axes[:2]
    axes *= numpy.sign(axes[[0, 1], abs(axes).argmax(1)])[:, None]
    for name, points in ("clean_2d", clean), ("attacked_2d", attacked):
        want = (points - mean) @ axes.T
        check(mine[name].dtype == float and numpy.allclose(mine[name], want, atol=1e-8),
              f"{row}: {name}")
    wrong = samples["clean_prediction"][:POINTS] != samples["label"][:POINTS]
    check((attacked[wrong] == clean[wrong]).all(), f"{row}: images that were not attacked")
    return (attacked[~wrong] != clean[~wrong]).any(1).sum()


def check_neighbours(group, samples, row):
    mine = read(group)
    check((mine["index"] == samples["index"]).all(), f"{row}: index")
    check((mine["clean_distance"] > 0).all(), f"{row}: distances")
    wrong = samples["clean_prediction"] != samples["label"]
    same = mine["attacked_distance"] == mine["clean_distance"]
    check(same[wrong].all(), f"{row}: images that were not attacked")
    for name in "clean_distance", "attacked_distance":
        check(numpy.isclose(group.attrs["mean_" + name], mine[name].mean(dtype=float)), name)
    # Margins are of squared distances: to the nearest of another class less to that of the label.
    right = samples["prediction"] == samples["label"]
    second = mine["attacked_distance"] ** 2 + samples["margin"]
    check((second[right] >= mine["attacked_distance"][right] ** 2).all(), f"{row}: margins")


def check_draws(group, row):
    mine = read(group)
    clean, robust = mine["clean_correct"].astype(int), mine["robust_correct"].astype(int)
    check(len(clean) == len(robust) == DRAWS and group.attrs["images"] == row["images"], "draws")
    check((robust <= clean).all() and (clean <= row["images"]).all(), f"{row}: {clean} {robust}")
    accuracy = robust / row["images"]
    half = 2.7764451 * accuracy.std(ddof=1) / DRAWS ** 0.5  # Student's t of 4 degrees of freedom
    want = {"mean": accuracy.mean(), "low": max(0, accuracy.mean() - half),
            "high": min(1, accuracy.mean() + half)}
    for name, value in want.items():
        check(abs(group.attrs[name] - value) < 1e-7, f"{row}: {name} {group.attrs[name]}: {value}")


def check_groups(folder):
    """All groups of all points; returns how many points were attacked in which latent space."""
    moved = 0
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        for row in rows(folder):
            samples = read(file["samples"][row["key"]])
            check_examples(file["examples"][row["key"]], samples, row)
            moved += check_latent(file["latent"][row["key"]], samples, row)
            for name, of in ("neighbours", "latent"), ("draws", "noisy"):
                check((row["key"] in file[name]) == (row["defense"] == of), f"{name} of {row}")
            if row["defense"] == "latent":
                check_neighbours(file["neighbours"][row["key"]], samples, row)
            if row["defense"] == "noisy":
                check_draws(file["draws"][row["key"]], row)
    return moved


def trained(program, *defenses):
    """These defenses around one network that knows its images."""
    run(program, "trained", job(training_images=1000, epochs=4, attacks="[{kind: fgsm}]",
                                epsilons="[1]", images=8, block=8))
    file = program.path("trained", "models", "none.h5")
    return "[" + ", ".join(f"{one[:-1]}, file: {file}}}" for one in defenses) + "]"


def right_and_the_same_on_any_number_of_ranks(program):
    defenses = trained(program, "{kind: none}", NOISY, NEAREST)
    result = run(program, "on-1", text(LATENT, defenses=defenses), ranks=1)
    check("95 % intervals over single draws of the noise reach at most" in result.out, f"{result}")
    for ranks, threads in (3, 1), (2, 2):
        folder = f"on-{ranks}-{threads}"
        program.run("run", "job.yaml", "-o", folder, "-t", threads, ranks=ranks)
        equal(program, "on-1", folder)
    check(check_groups(program.path("on-1")) > 20, "hardly a point moved")
    with h5py.File(program.path("on-3-1", "results.h5"), "r+") as file:
        key = next(iter(file["latent"]))
        file["latent"][key]["attacked_2d"][3, 1] += 1e-9
        name = f"/latent/{key}/attacked_2d"
    result = program.run("verify", "on-1", "on-3-1", code=1)
    check(f"{name}[3, 1]" in result.out, f"{result}")


def one_draw_is_the_verdict(program):
    """Where the network is judged by one draw, its counts are the row's."""
    one = NOISY.replace("draws: 5", "draws: 1")
    run(program, "out", text(defenses=trained(program, one)))
    with h5py.File(program.path("out", "results.h5")) as file:
        for row in rows(program.path("out")):
            group = file["draws"][row["key"]]
            check(list(group["clean_correct"]) == [row["clean_correct"]], f"{row}")
            check(list(group["robust_correct"]) == [row["robust_correct"]], f"{row}")
            check((group.attrs["low"], group.attrs["high"]) == (0, 1), "an interval of one draw")


# ---- kills and old folders -----------------------------------------------------------------------

def killed_and_continued(program):
    of = text(block="4, latent: conv1", attacks=f"[{CW}]")
    path, out = program.write("job.yaml", of), program.path("out")
    process = program.start("run", path, "-o", out, "-t", 1)
    wait_until(program, process, lambda: len(units(out)) >= 4, "four units")
    program.kill(process)
    before = units(out)
    check(len(before) < 30, "killed too late to learn anything")
    program.run("run", path, "-o", out, "-t", 1, ranks=3)
    done = units(out)
    check(done[:len(before)] == before and len(done) == len(set(done)) == 30, f"{len(done)} units")
    check_same_as_alone(program, of, out)


def make_old(folder):
    """Makes of a folder one from before there were details: records end behind their outcomes."""
    path = os.path.join(folder, "journal")
    with open(path, "rb") as file:
        data = file.read(16)
    cut = 0
    for kind, key, payload in journal(folder):
        if kind == UNIT:
            plain = HEAD + OUTCOME * struct.unpack_from("<I", payload, 4)[0]
            cut += len(payload) > plain
            payload = payload[:plain]
        record = struct.pack("<IIQ", 0x52474441, kind, len(payload)) + key + payload
        data += record + hashlib.sha256(record).digest()[:16]
    with open(path, "wb") as file:
        file.write(data)
    return cut


def groups(folder):
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        return {name: len(file[name]) for name in GROUPS if name in file}


def old_work_is_kept(program):
    of = text(attacks="[{kind: fgsm}]")
    run(program, "new", of)
    run(program, "old", of)
    old = program.path("old")
    check(groups(old) == {"examples": 6, "neighbours": 2, "draws": 2}, f"{groups(old)}")
    check(make_old(old) == 6 * BLOCKS, "records that were cut")
    before = units(old)
    result = program.run("run", "job.yaml", "-o", old, "-t", 1)
    check(units(old) == before and "again" not in result.err, f"finished work was done again\n{result}")
    check(groups(old) == {}, f"{groups(old)}")
    check("single draws" not in result.out, f"{result}")
    # Joined with a folder that has them, they are taken from there.
    for names in ("old", "new"), ("new", "old"):
        merged = "-".join(names)
        program.run("merge", *names, "-o", merged)
        equal(program, "new", merged)
    program.run("merge", "old", "-o", "alone")
    equal(program, "old", "alone")
    # More is asked for: the blocks that lack it are done again, and said so.
    more = text(", examples: 5", attacks="[{kind: fgsm}]")
    result = run(program, "old", more)
    check("evaluation.examples was 4 and is 5: 6 finished points are completed" in result.err,
          f"{result}")
    check(units(old)[:len(before)] == before and len(units(old)) == len(before) + 6, "blocks again")
    check(groups(old) == {"examples": 6}, f"{groups(old)}")


def edits_keep_what_is_there(program):
    small = text(**SMALL)
    run(program, "out", small)
    out, program_units = program.path("out"), lambda: units(program.path("out"))
    check(len(program_units()) == BLOCKS, "units")
    for options, again in ((", examples: 2", 0), (", examples: 0", 0), (", examples: 20", 2),
                           (", examples: 3, latent: conv1, latent_images: 16", 1),
                           (", examples: 1, latent: conv1, latent_images: 9", 0),
                           (", latent: conv2, latent_images: 40", 3)):
        before = len(program_units())
        of = text(options, **SMALL)
        run(program, "out", of)
        check(len(program_units()) == before + again, f"{options}: {len(program_units()) - before}")
        fresh = "fresh" + "".join(c for c in options if c.isalnum())
        run(program, fresh, of)
        equal(program, fresh, out)
    before = len(program_units())
    program.run("run", "job.yaml", "-o", out, "-t", 1)
    check(len(program_units()) == before, "what was done again is done")


# ---- merging and refusing ------------------------------------------------------------------------

def parts_are_merged(program):
    of = text(LATENT, **{**SMALL, "defenses": f"[{NOISY}, {NEAREST}]", "more": "seeds: [3, 1]"})
    run(program, "whole", of)
    for seed in 3, 1:
        program.run("run", "job.yaml", "-o", f"seed-{seed}", "-t", 1, "--seed", seed)
    program.run("merge", "seed-3", "seed-1", "-o", "merged")
    equal(program, "whole", "merged")
    check(groups(program.path("merged")) == {"examples": 4, "latent": 4, "neighbours": 2, "draws": 2},
          "groups")
    # Two folders that do not agree on a detail alone.
    damaged = program.path("seed-3")
    records = journal(damaged)
    with open(os.path.join(damaged, "journal"), "rb") as file:
        data = file.read(16)
    for kind, key, payload in records:
        if kind == UNIT:
            payload = payload[:-1] + bytes([payload[-1] ^ 1])
        record = struct.pack("<IIQ", 0x52474441, kind, len(payload)) + key + payload
        data += record + hashlib.sha256(record).digest()[:16]
    with open(os.path.join(damaged, "journal"), "wb") as file:
        file.write(data)
    result = program.run("merge", "whole", "seed-3", "-o", "both", code=2)
    check("has other details than" in result.err, f"{result}")
    check(not os.path.exists(program.path("both")), "a folder was created")


def wrong_options_are_refused(program):
    for options, expected in (
            (", latent: conv9", "defense 'none': 'latent': the model hands on no layer 'conv9'"),
            (", latent: dense1", "are the logits, no latent space"),
            (", examples: 4.5", "'examples'"), (", latent_images: 0", "expected 1 to 10000")):
        path = program.write("job.yaml", text(options))
        for ranks, command in (0, ("plan", path)), (2, ("run", path, "-o", "out")):
            result = program.run(*command, ranks=ranks, code=2)
            check(len(result.messages()) == 1 and expected in result.messages()[0] and
                  "job.yaml:15: " in result.messages()[0], f"{result}")
    check(not os.path.exists(program.path("out")), "a folder was created")


main([right_and_the_same_on_any_number_of_ranks, one_draw_is_the_verdict, killed_and_continued,
      old_work_is_kept, edits_keep_what_is_there, parts_are_merged, wrong_options_are_refused])
