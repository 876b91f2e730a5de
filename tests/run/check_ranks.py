#!/usr/bin/env python3
"""check_ranks.py ADVGRID: a job gives the same bits on any number of ranks and threads: the same
model the same outcomes, image by image, whoever attacks it, and training the same model."""
import os
import shutil
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (RUN, SPAN, UNIT, check, check_same_samples, job, journal, machine, main,
                            require, rows, samples, units, wait_until)

require("h5py")
import h5py

ATTACKS = "[{kind: fgsm}, {kind: pgd, steps: 4, restarts: 2}]"


def outcomes_do_not_depend_on_ranks(program):
    program.run("run", program.write("train.yaml", job(epsilons="[0]", attacks="[{kind: fgsm}]")),
                "-o", "trained", "-t", 1, ranks=1)
    model = program.path("trained", "models", "none.h5")
    noise = f"{{kind: gaussian-noise, name: noisy, draws: 3, sigma: 0.1, file: {model}}}"
    attack = program.write("attack.yaml", job(
        defenses=f"[{{kind: none, file: {model}}}, {noise}]", attacks=ATTACKS,
        epsilons="[0, 6/255]", images=80, block=32))
    want = None
    for ranks, threads in (1, 1), (2, 1), (3, 1), (4, 1), (0, 2), (2, 3):
        folder = program.path(f"on-{ranks}-{threads}")
        program.run("run", attack, "-o", folder, "-t", threads, ranks=ranks)
        got = samples(folder)
        check(len(got) == 8, f"{len(got)} points on {ranks} ranks")
        check(len(units(folder)) == len(set(units(folder))) == 24, f"units on {ranks} ranks")
        want = want or got
        check_same_samples(got, want, f"{ranks} ranks of {threads} threads")


def check_counts(folder, ranks):
    """Every rank did something, and gradients are what the attacks take at most."""
    for row in rows(folder):
        right = row["clean_correct"]
        most = right if row["attack"] == "fgsm" else 8 * right
        check(0 < row["gradients"] <= most, f"gradients of {row}")
    workers = {int.from_bytes(payload[:4], "little")
               for kind, _, payload in journal(folder) if kind == 4}
    check(workers <= set(range(ranks)), f"units by ranks {workers} of {ranks}")
    check(len(workers) == ranks, f"of {ranks} ranks only {workers} did units")


def units_go_to_all_ranks(program):
    text = job(attacks=ATTACKS, epsilons="[1/255, 2/255, 4/255, 8/255]", images=200, block=16)
    program.run("run", program.write("job.yaml", text), "-o", "out", "-t", 1, ranks=2)
    check_counts(program.path("out"), 2)


ROUNDING = 1e-3  # seconds: clocks are read one after the other


def timeline(folder):
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        return file["timeline"][:], file["ranks"][:]


def check_clocks(spans, ranks):
    """A rank does one thing at a time, idles in none, and all within its run."""
    for rank in ranks:
        own = sorted((row["start"], row["seconds"]) for row in spans if row["rank"] == rank["rank"])
        check(own and own[0][0] >= 0, f"spans of {rank}: {own}")
        check(all(seconds > 0 for _, seconds in own), f"an empty span: {own}")
        for (start, seconds), (following, _) in zip(own, own[1:]):
            check(start + seconds <= following + ROUNDING, f"spans overlap at {following}: {own}")
        check(sum(own[-1]) <= rank["seconds"] + ROUNDING, f"{own[-1]} is behind the end of {rank}")
        busy = sum(seconds for _, seconds in own)
        check(busy + rank["idle_seconds"] <= rank["seconds"] + ROUNDING, f"{busy} s of {rank}")


def check_pieces(spans, images, epochs, team):
    """Every image of every point was attacked once; every epoch was trained once by each of a team."""
    points = {}
    for row in spans[spans["kind"] == b"attack"]:
        check(row["epoch"] == 0, f"{row}")
        place = row["defense"], row["attack"], float(row["epsilon"])
        points.setdefault(place, []).append((int(row["first_image"]), int(row["images"])))
    for place, parts in points.items():
        end = 0
        for first, count in sorted(parts):
            check(first == end and count > 0, f"images of {place}: {sorted(parts)}")
            end += count
        check(end == images, f"images of {place}: {sorted(parts)}")
    training = spans[spans["kind"] == b"training"]
    check(set(training["epoch"]) == set(range(1, epochs + 1)), f"epochs {training['epoch']}")
    check((training["attack"] == b"").all() and (training["images"] == 0).all(), f"{training}")
    for epoch in range(1, epochs + 1):
        own = training["rank"][training["epoch"] == epoch]
        check(len(own) == len(set(own)) == team, f"epoch {epoch} by {own}, expected {team} ranks")
    return len(points)


def check_units_have_spans(folder):
    """In the run that did it, of each image once, and no later than it is done. Returns the runs."""
    run, images = 0, {}
    for kind, key, payload in journal(folder):
        if kind == RUN:
            run, images = run + 1, {}
        elif kind == SPAN:
            _, epoch, _, count = struct.unpack_from("<4I", payload)
            images[key] = images.get(key, 0) + (count if epoch == 0 else 0)
        elif kind == UNIT:
            done = struct.unpack_from("<I", payload, 4)[0]
            check(images.get(key) == done, f"a unit of {done} images has spans of {images.get(key)}")
    return run


def spans_say_when_ranks_worked(program):
    path = program.write("job.yaml", job(epochs=3))
    for ranks in 1, 2, 3:
        folder = program.path(f"on-{ranks}")
        program.run("run", path, "-o", folder, "-t", 1, ranks=ranks)
        spans, times = timeline(folder)
        check(len(times) == ranks and (spans["run"] == 1).all(), f"{times}, {spans}")
        check((spans["defense"] == b"none").all() and (spans["seed"] == 1).all(), f"{spans}")
        check_clocks(spans, times)
        check(check_pieces(spans, 120, 3, team=min(ranks, 2)) == 6, "6 points")  # of two shards a batch
        check(check_units_have_spans(folder) == 1, "one run")
    program.run("verify", program.path("on-1"), program.path("on-3"))


def spans_are_of_all_runs(program):
    path, out = program.write("job.yaml", job(block=8, images=320)), program.path("out")
    process = program.start("run", path, "-o", out, "-t", 1)
    wait_until(program, process, lambda: len(units(out)) >= 20, "20 units")
    program.kill(process)
    before = len(units(out))
    program.run("run", path, "-o", out, "-t", 1, ranks=3)
    spans, times = timeline(out)
    check(check_units_have_spans(out) == 2 and set(spans["run"]) == {1, 2}, f"runs {set(spans['run'])}")
    check_clocks(spans[spans["run"] == 2], times)
    check(set(spans["rank"][spans["run"] == 1]) == {0}, "ranks of the first run")
    check(set(spans["kind"][spans["run"] == 2]) == {b"attack"}, "the model was trained again")
    check(20 <= before < len(units(out)) == 240, f"{before}, then {len(units(out))} units")


def journals_without_spans_are_whole(program):
    """As older programs wrote them: nothing is done again, and nothing is said that nobody knows."""
    path, out, old = program.write("job.yaml", job(epochs=1)), program.path("out"), program.path("old")
    program.run("run", path, "-o", out, ranks=2)
    shutil.copytree(out, old)
    with open(os.path.join(out, "journal"), "rb") as file:
        data = file.read()
    kept, offset = data[:16], 16
    for kind, _, payload in journal(out):
        end = offset + 64 + len(payload)
        kept += b"" if kind == SPAN else data[offset:end]
        offset = end
    check(offset == len(data) > len(kept), "no spans in the journal")
    with open(os.path.join(old, "journal"), "wb") as file:
        file.write(kept)
    program.run("run", path, "-o", old, ranks=1)
    check(units(old) == units(out), "units were done again")
    with h5py.File(os.path.join(old, "results.h5")) as file:
        check("timeline" not in file and "ranks" in file, f"{sorted(file)}")
    program.run("verify", out, old)


# Batches of nine shards and a last one of seven, whose last shard is smaller; fewer shards than some
# shapes have threads.
NORMALISED = """name: normalised
dataset: {kind: synthetic, training_images: 42, validation_images: 12, test_images: 16}
model: {kind: base-norm}
training:
  epochs: 2
  batch: 17
  shard: 2
  clip: 1
  label_smoothing: 0.1
  averaging: 0.9
  augmentation: [flip, crop]
  schedule: {kind: one-cycle, peak: 0.02}
defenses: [{kind: none}]
attacks: [{kind: fgsm}]
epsilons: [0, 8/255]
evaluation: {images: 12, block: 4}
run: {ranks_per_model: 5}
"""


def model(folder):
    """The bytes of every parameter of the model file."""
    found = {}
    with h5py.File(os.path.join(folder, "models", "none.h5")) as file:
        file.visititems(lambda path, item: found.update({path: item[()].tobytes()})
                        if isinstance(item, h5py.Dataset) else None)
    return found


def training(folder):
    """The bytes of every column of the training's table, times aside."""
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        table = file["training/none"][:]
    check(len(table) == 2, f"{len(table)} epochs")
    return {name: table[name].tobytes() for name in table.dtype.names if not name.endswith("seconds")}


# Batches of fewer images than the last layer has classes: ranks send the factors of the gradients of
# both dense layers instead of sums.
SMALL_BATCHES = """name: small-batches
dataset: {kind: synthetic, training_images: 18, validation_images: 4, test_images: 8}
model: {kind: base}
training: {epochs: 2, batch: 4, shard: 2, schedule: {kind: constant, peak: 0.005}}
defenses: [{kind: none}]
attacks: [{kind: fgsm}]
epsilons: [8/255]
evaluation: {images: 4, block: 4}
run: {ranks_per_model: 2}
"""


def check_shapes(program, text, shapes):
    """Runs a job on shapes of (ranks, threads); returns what it comes to on each of them."""
    path = program.write("job.yaml", text)
    want = None
    for ranks, threads in shapes:
        what, folder = f"{ranks} ranks of {threads} threads", program.path(f"on-{ranks}-{threads}")
        program.run("run", path, "-o", folder, "-t", threads, ranks=ranks)
        got = model(folder), training(folder), samples(folder)
        want = want or got
        for part, kind in (0, "parameter"), (1, "column"):
            check(sorted(got[part]) == sorted(want[part]), f"{what}: names of {kind}s")
            for name, values in want[part].items():
                check(got[part][name] == values, f"{what}: {kind} {name} differs")
        check_same_samples(got[2], want[2], what)
    return want


def a_team_is_as_large_as_its_network_lets_it_gain(program):
    path = program.write("job.yaml", job(attacks="[{kind: fgsm}]", epsilons="[0]"))
    for latency, together in ("1e-9", True), ("1", False):
        place = program.write("machine.yaml", machine(latency=latency))
        program.run("run", path, "-o", latency, "--machine", place, ranks=2)
        with h5py.File(program.path(latency, "results.h5")) as file:
            table = file["training/none"][:]
        check(all((table["hidden_seconds"] > 0) == together), f"latency {latency}: {table}")
    program.write("machine.yaml", "latency: fast\n")
    for place in "machine.yaml", "nowhere":
        result = program.run("run", path, "-o", "out", "--machine", place, ranks=2, code=2)
        check(len(result.messages()) == 1 and place in result.messages()[0], f"{result}")
    check(not os.path.exists(program.path("out")), "a folder was created")


def training_does_not_depend_on_ranks(program):
    parameters, _, _ = check_shapes(program, NORMALISED, (
        (1, 1), (1, 2), (2, 1), (3, 1), (4, 1), (5, 1), (2, 2)))
    check(len(parameters) > 40 and "norm6/mean" in parameters, f"parameters {sorted(parameters)}")


def nor_does_adversarial_training(program):
    """Of shards that are attacked in part, on statistics of their own, with noise behind them."""
    adversarial = ("{kind: adversarial-training, name: none, steps: 2, restarts: 2, mix: 0.7, "
                   "warmup: 1.5, epsilon: 2/255, sigma: 0.05, draws: 2}")
    _, columns, _ = check_shapes(program, NORMALISED.replace("{kind: none}", adversarial), (
        (1, 1), (1, 2), (2, 1), (3, 1)))
    robust = struct.unpack("<2d", columns["robust_validation_accuracy"])
    check(all(0 <= value <= 1 for value in robust), f"robust accuracy {robust}")


def nor_do_small_batches(program):
    check_shapes(program, SMALL_BATCHES, ((1, 1), (2, 1), (2, 2)))


main([outcomes_do_not_depend_on_ranks, units_go_to_all_ranks, spans_say_when_ranks_worked,
      spans_are_of_all_runs, journals_without_spans_are_whole, training_does_not_depend_on_ranks,
      nor_does_adversarial_training, nor_do_small_batches, a_team_is_as_large_as_its_network_lets_it_gain])
