"""Result files by hand, by the schema of results.h5: jobs of any size, half done, failed, hostile."""
import math
import os

import h5py
import numpy

CORES = 2
NAME = h5py.string_dtype("utf-8", 64)
TEXT = h5py.string_dtype("utf-8")
ROW = [("key", NAME), ("defense", NAME), ("attack", NAME), ("epsilon", "f8"), ("seed", "u8"),
       ("images", "u8"), ("clean_correct", "u8"), ("robust_correct", "u8"), ("clean_accuracy", "f8"),
       ("robust_accuracy", "f8"), ("robust_accuracy_of_correct", "f8"), ("ci_low", "f8"),
       ("ci_high", "f8"), ("mean_linf", "f8"), ("max_linf", "f8"), ("mean_l2", "f8"),
       ("gradients", "u8"), ("forwards", "u8"), ("seconds", "f8")]
EPOCH = ["loss", "learning_rate", "train_accuracy", "validation_accuracy",
         "robust_validation_accuracy", "seconds", "hidden_seconds", "exposed_seconds"]


def wilson(right, images, z=1.959963984540054):
    share, over = right / images, z * z / images
    middle = (share + over / 2) / (1 + over)
    reach = z / (1 + over) * math.sqrt(share * (1 - share) / images + over / (4 * images))
    return middle - reach, middle + reach


def clean_accuracy(defense, seed):
    return 0.9 - 0.03 * (defense % 16) + 0.004 * seed


def curve(defense, attack, epsilon, seed):
    """Some accuracy that falls with epsilon."""
    strength = (40 + 12 * attack) / (1 + 1.3 * defense)
    return clean_accuracy(defense, seed) * math.exp(-strength * epsilon)


def row_of(place, names, epsilon, seed, images):
    defense, attack = place[:2]
    clean = round(images * clean_accuracy(defense, place[3]))
    robust = min(clean, round(images * curve(defense, attack, epsilon, place[3])))
    key = "".join(f"{part:02x}" for part in place).rjust(64, "0")
    low, high = wilson(robust, images)
    return (key, names[0], names[1], epsilon, seed, images, clean, robust, clean / images,
            robust / images, robust / clean, low, high, epsilon, epsilon, 40 * epsilon,
            5 * images, 6 * images, 2.5 + attack)


def write_grid(file, defenses, attacks, epsilons, seeds, images, state):
    shape = len(defenses), len(attacks), len(epsilons), len(seeds)
    status, accuracy, rows = numpy.zeros(shape, "i1"), numpy.full(shape, numpy.nan), []
    for place in numpy.ndindex(shape):
        status[place] = state(*place)
        if status[place] != 1:
            continue
        rows.append(row_of(place, (defenses[place[0]], attacks[place[1]]), epsilons[place[2]],
                           seeds[place[3]], images))
        accuracy[place] = rows[-1][9]
    table = numpy.zeros(len(rows), ROW)
    for i, row in enumerate(rows):
        for (name, kind), value in zip(ROW, row):
            table[name][i] = value.encode()[:64] if isinstance(value, str) else value
    file["results"] = table
    file.create_dataset("grid/defense", data=defenses, dtype=TEXT)
    file.create_dataset("grid/attack", data=attacks, dtype=TEXT)
    file["grid/epsilon"], file["grid/seed"] = epsilons, numpy.array(seeds, "u8")
    file["grid/status"], file["grid/robust_accuracy"] = status, accuracy
    return rows


def write_training(file, name, epochs, place, robust):
    table = numpy.zeros(epochs, [("epoch", "u4")] + [(column, "f8") for column in EPOCH])
    for i in range(epochs):
        done = (i + 1) / epochs
        values = (2.3 * math.exp(-2 * done) + 0.1 * place, 0.1 * math.sin(math.pi * done),
                  0.9 * done, 0.88 * math.sqrt(done) - 0.02 * place,
                  0.4 * math.sqrt(done) if robust else math.nan, 40 + place, 30, 0.5)
        table[i] = (i + 1, *values)
    file[f"training/{name}"] = table


def write_texts(file, name, columns, rows):
    table = numpy.zeros(len(rows), [(column, TEXT) for column in columns])
    for i, row in enumerate(rows):
        table[i] = row
    file[name] = table


SPAN = [("run", "u4"), ("rank", "u4"), ("start", "f8"), ("seconds", "f8"), ("kind", NAME),
        ("defense", NAME), ("seed", "u8"), ("epoch", "u4"), ("attack", NAME), ("epsilon", "f8"),
        ("first_image", "u4"), ("images", "u4")]


def write_timeline(file, spans):
    """spans: (run, rank, start, seconds, defense, attack), which is "" of an epoch of a training."""
    table = numpy.zeros(len(spans), SPAN)
    for i, (run, rank, start, seconds, defense, attack) in enumerate(spans):
        names = [text.encode()[:64] for text in ("attack" if attack else "training", defense, attack)]
        table[i] = (run, rank, start, seconds, names[0], names[1], 1, not attack, names[2],
                    0.1 if attack else math.nan, 0, 16 if attack else 0)
    file["timeline"] = table


def some_spans(defenses, attacks, ranks, pieces, run=1, length=300):
    """What ranks do: each a training, then so many attacks of some length, and waits a little."""
    draw, spans = numpy.random.default_rng(run), []
    for rank in range(ranks):
        now = 0.3 * length * (0.8 + 0.2 * (rank % 3) / 3)
        spans.append((run, rank, 0.01, now - 0.01, defenses[rank % len(defenses)], ""))
        each = (length - now) / pieces
        for piece in range(pieces):
            attack = attacks[len(attacks) * piece // pieces]
            spans.append((run, rank, now, each * draw.uniform(0.6, 1), defenses[0], attack))
            now += each
    return spans


def make(folder, defenses=("none", "at-pgd"), attacks=("fgsm", "pgd"),
         epsilons=(1 / 255, 2 / 255, 4 / 255, 8 / 255), seeds=(1,), images=1000,
         state=lambda *place: 1, gates=(), failures=(), ranks=4, epochs=6, job="name: by-hand\n",
         more=lambda file, rows: None, spans=()):
    """Writes folder/results.h5; returns its rows. state(defense, attack, epsilon, seed): 0 missing,
    1 done, 2 failed. more(file, rows) may add to it. spans: as write_timeline takes them."""
    os.makedirs(folder, exist_ok=True)
    with h5py.File(os.path.join(folder, "results.h5"), "w") as file:
        for name, value in {"advgrid_version": "0.1.0", "job": job, "dataset": "cifar10",
                            "hosts": "alpha,beta", "cpu": "a core", "git_commit": "0" * 40}.items():
            file.attrs[name] = value
        for name, value in {"schema_version": 1, "complete": 0, "ranks": ranks, "threads": CORES,
                            "restarts": 1}.items():
            file.attrs[name] = numpy.int32(value)
        rows = write_grid(file, list(defenses), list(attacks), list(epsilons), list(seeds), images,
                          state)
        file.create_group("samples")
        file.create_group("training")
        for d, defense in enumerate(defenses if epochs else ()):
            for seed in seeds:
                name = defense if len(seeds) == 1 else f"{defense}-seed{seed}"
                if "/" not in name and name not in ("", ".") and len(name) < 1000:
                    write_training(file, name, epochs, d, robust=d > 0)
        if gates:
            write_texts(file, "gates", ("gate", "verdict", "text"), gates)
        if failures:
            write_texts(file, "failures", ("name", "reason"), failures)
        if ranks:
            table = numpy.zeros(ranks, [("rank", "u4"), ("seconds", "f8"), ("idle_seconds", "f8")])
            for i in range(ranks):
                table[i] = i, 300, 3 + 2 * (i % 3)
            file["ranks"] = table
        if spans:
            write_timeline(file, spans)
        more(file, rows)
    return rows


def pictures(count, side=32):
    """Smooth images, each another."""
    y, x = numpy.mgrid[0:side, 0:side] / side
    return numpy.stack([numpy.stack([0.5 + 0.45 * numpy.sin(6 * x * (i + 1) + c + 4 * y * y)
                                     for c in range(3)], -1) for i in range(count)]).astype("f4")


def add_details(file, rows, examples=4, latent=200, classes=10):
    """What units bring home besides verdicts, of every row."""
    draw = numpy.random.default_rng(1)
    labels = (numpy.arange(max(examples, latent)) % classes).astype("u1")
    for row in rows:
        key, epsilon = row[0], row[3]
        if examples:
            clean = pictures(examples)
            step = epsilon * numpy.sign(draw.standard_normal(clean.shape)).astype("f4")
            sure = draw.dirichlet(numpy.full(classes, 0.2), (2, examples)).astype("f4")
            for name, values in {"index": numpy.arange(examples, dtype="u4"),
                                 "label": labels[:examples], "clean": clean,
                                 "adversarial": numpy.clip(clean + step, 0, 1),
                                 "clean_probabilities": sure[0], "probabilities": sure[1]}.items():
                file[f"examples/{key}/{name}"] = values
        if latent:
            own = labels[:latent]
            turn = own * 2 * math.pi / classes
            middle = numpy.stack([4 * numpy.cos(turn), 3 * numpy.sin(turn)], -1)
            clean = middle + 0.4 * draw.standard_normal((latent, 2))
            attacked = 0.3 * middle + 1.2 * draw.standard_normal((latent, 2))
            for name, values in {"index": numpy.arange(latent, dtype="u4"), "label": own,
                                 "prediction": own, "clean": clean.astype("f4"),
                                 "attacked": attacked.astype("f4"), "clean_2d": clean,
                                 "attacked_2d": attacked}.items():
                file[f"latent/{key}/{name}"] = values
            file[f"latent/{key}"].attrs["layer"] = "dense1"
            file[f"latent/{key}"].attrs["explained_variance"] = numpy.array([0.412, 0.237])
            file.create_group(f"neighbours/{key}").attrs.update(
                mean_clean_distance=1.25, mean_attacked_distance=3.5)
            file.create_group(f"draws/{key}").attrs.update(
                images=numpy.uint32(row[5]), mean=row[9], low=row[11], high=row[12])


def add_samples(first=0, turn=0, digest="a" * 64):
    """Each row's images, those from `first` on, with as many right as the row says; `turn` and the
    row's key choose which. digest: of the dataset."""
    def add(file, rows):
        file.attrs["dataset_sha256"] = digest
        for row in rows:
            images, clean, robust = row[5], row[6], row[7]
            index = numpy.arange(first, first + images, dtype="u4")
            draw = numpy.random.default_rng([turn, int(row[0], 16)])
            hard = index / (first + images) + 0.3 * draw.random(images)
            place = numpy.argsort(numpy.argsort(hard))  # of an image among all, the easiest first
            label = (index % 10).astype("u1")
            wrong = ((index + 1) % 10).astype("u1")
            for name, values in {"index": index, "label": label,
                                 "clean_prediction": numpy.where(place < clean, label, wrong),
                                 "prediction": numpy.where(place < robust, label, wrong)}.items():
                file[f"samples/{row[0]}/{name}"] = values
    return add
