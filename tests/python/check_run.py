"""The models of a finished run, attacked by an independent implementation in PyTorch.

python3 check_run.py RUN_FOLDER CIFAR_FOLDER [IMAGES] takes models/*.h5 and results.h5 of a run on
CIFAR-10 and, on the first 300 images or so many, holds against them

  - every model's clean predictions and margins; of one that draws, whether as many predictions are
    the same as between two verdicts of PyTorch, and whether margins differ by draws alone;
  - of networks that draw nothing, the images that fall to FGSM and to PGD from the image itself:
    the same ones, but for those whose margin is under 1e-4 here and there;
  - where the network or the start is random, the robust accuracy under the same attack with
    PyTorch's own draws: one of the two within the other's Wilson interval.

Exit code 0 where all agree, 1 where something does not or nothing can be compared, 77 where h5py,
PyTorch or PyYAML is not installed. Attacks that PyTorch has no part of here are left out.
"""
import collections
import functools
import pathlib
import sys

sys.dont_write_bytecode = True  # not in the source tree
try:
    import h5py
    import numpy
    import torch
    import yaml
    from attacks import fgsm, margins, move_l2, move_linf, pgd, start_l2, start_linf
    from load_model import load_model
    from neighbours import Divided, Neighbours, choose_references
except ImportError as missing:
    print(missing)
    sys.exit(77)

POOLS = {"base": ("conv2", "conv4", "conv6"), "base-norm": ("conv2", "conv4", "conv6"),
         "small": ("conv1", "conv2")}
TOLERANCE, TOGETHER = 1e-4, 100


Draws = collections.namedtuple("Draws", "number majority")
# What an attack follows and what decides, mostly one network; whether these are of two minds; draws
# for a verdict, none where nothing is random.
Subject = collections.namedtuple("Subject", "attacked judge apart draws")


class Noise(torch.nn.Module):
    def __init__(self, sigma):
        super().__init__()
        self.sigma = sigma

    def forward(self, x):
        return x + self.sigma * torch.randn_like(x)


class Failures(list):
    def check(self, condition, text):
        if not condition:
            print(f"  differs: {text}")
            self.append(text)


def read_records(path):
    return numpy.fromfile(path, numpy.uint8).reshape(-1, 3073)


def pixels(records):
    return torch.from_numpy(records[:, 1:].copy()).view(-1, 3, 32, 32).double() / 255


def read_cifar10(folder):
    records = read_records(folder / "test_batch.bin")
    return pixels(records), torch.from_numpy(records[:, 0].copy()).long()


@functools.cache
def references(folder, trained, each, seed):
    """Of so many training images so many of each class: [class, each, 3, 32, 32]"""
    records = numpy.concatenate([read_records(folder / f"data_batch_{batch}.bin")
                                 for batch in range(1, 6)])
    chosen = choose_references(records[:trained, 0], each, seed)
    return torch.stack([pixels(records[own]) for own in chosen])


def load(path, defense, job, folder):
    with h5py.File(path) as file:
        pools = POOLS[file.attrs["architecture"]]
    network = load_model(path, pools).double()
    layers, sigma = list(network), float(defense.get("sigma", 0))
    if defense.get("classify") == "neighbours":
        encoder = torch.nn.Sequential(*layers[:place_behind(layers, defense["layer"]) + 1])
        trained = int(job["dataset"]["training_images"]) - int(job["dataset"]["validation_images"])
        judge = Neighbours(encoder, references(folder, trained, int(defense["references"]),
                                               int(job["seed"])))
        apart = defense["attacked"] == "logits"
        attacked = network if apart else Divided(judge, judge.temperature())
        return Subject(attacked, judge, apart, None)
    if sigma == 0:
        return Subject(network, network, False, None)
    layers.insert(place_behind(layers, defense["after"]), Noise(sigma))
    network = torch.nn.Sequential(*layers).eval()
    return Subject(network, network, True, Draws(int(defense["draws"]),
                                                 defense["vote"] == "majority"))


def place_behind(layers, name):
    """Where the layer behind the named one is; "conv3" is the third convolution."""
    if name in ("pixels", "normalize"):
        return int(name == "normalize")
    word = name.rstrip("0123456789")
    kind = {"conv": torch.nn.Conv2d, "relu": torch.nn.ReLU, "pool": torch.nn.MaxPool2d,
            "dense": torch.nn.Linear}[word]
    places = [place for place, layer in enumerate(layers) if isinstance(layer, kind)]
    return places[int(name[len(word):]) - 1] + 1


def said(network, images, majority):
    """What one draw says: its logits, or its vote."""
    logits = network(images)
    if not majority:
        return logits
    return torch.nn.functional.one_hot(logits.argmax(1), logits.shape[1]).double()


def verdict(subject, images):
    """Mean logits, or shares of votes; by parts, as double precision takes memory."""
    number, majority = subject.draws or Draws(1, False)
    with torch.no_grad():
        return torch.cat([sum(said(subject.judge, part, majority) for _ in range(number)) / number
                          for part in images.split(TOGETHER)])


def attack_images(subject, attack, epsilon, images, labels):
    is_l2 = attack.get("norm") == "l2"
    move, start_of = (move_l2, start_l2) if is_l2 else (move_linf, start_linf)
    made = []
    for part, own in zip(images.split(TOGETHER), labels.split(TOGETHER)):
        if attack["kind"] == "fgsm":
            made.append(fgsm(subject.attacked, part, own, epsilon, move,
                             expectation(attack, subject.draws)))
            continue
        start = start_of(part, epsilon) if attack["random_start"] else None
        size = attack.get("step_size", "auto")
        length = None if size == "auto" else fraction(size)
        made.append(pgd(subject.attacked, part, own, epsilon, int(attack["steps"]), length, move,
                        expectation(attack, subject.draws), start, to_the_end=subject.apart))
    return torch.cat(made) if made else images


def fraction(text):
    top, _, bottom = str(text).partition("/")
    return float(top) / float(bottom or 1)


def expectation(attack, draws):
    """Draws of whose gradients the attack follows the mean."""
    own = attack.get("expectation_draws", "auto")
    if draws is None:
        return 1
    return draws.number if own == "auto" else int(own)


def can_attack(attack):
    return attack["kind"] == "fgsm" or (attack["kind"] == "pgd" and attack["restarts"] == 1)


def wilson(successes, trials):
    z = 1.959963984540054
    p, scale = successes / trials, 1 + z * z / trials
    centre = (p + z * z / (2 * trials)) / scale
    half = z / scale * (p * (1 - p) / trials + z * z / (4 * trials * trials)) ** 0.5
    # None and all lie within, however the ends are rounded.
    return min(centre - half, p), max(centre + half, p)


def compare_drawn(name, theirs, again, margin, sample, failures):
    """Draws here and there are others: what they say differs as two verdicts of PyTorch do."""
    same = (theirs.numpy() == sample["clean_prediction"]).mean()
    expected = (theirs == again).sum().item()
    print(f"{name}: {same:.1%} of {len(theirs)} clean verdicts are the same, "
          f"{expected / len(theirs):.1%} of two of PyTorch")
    failures.check(same >= wilson(expected, len(theirs))[0], f"{name}: clean verdicts")
    stored = sample["clean_margin"]
    for what, off in (("margins", margin - stored),
                      ("sizes of margins", abs(margin) - abs(stored))):
        error = off.std() / len(off) ** 0.5
        print(f"  {what} differ by {off.mean():.2g} in the mean, standard error {error:.2g}")
        failures.check(abs(off.mean()) <= 4 * error, f"{name}: {what}")


def compare_clean(name, subject, sample, images, labels, failures):
    logits = verdict(subject, images)
    margin, stored = margins(logits, labels).numpy(), sample["clean_margin"]
    if subject.draws:
        compare_drawn(name, logits.argmax(1), verdict(subject, images).argmax(1),
                      margin, sample, failures)
        return
    off = numpy.abs(margin - stored)
    wrong = ((margin > 0) != (stored > 0)) & (numpy.abs(margin) >= TOLERANCE)
    print(f"{name}: {len(images)} clean images, margins differ by at most {off.max():.2g}, "
          f"{wrong.sum()} verdicts differ")
    failures.check(not (off > TOLERANCE * (1 + numpy.abs(margin))).any() and not wrong.any(),
                   f"{name}: clean margins")


def compare_attacked(row, attack, subject, sample, images, labels, failures):
    correct = torch.from_numpy(sample["clean_prediction"] == sample["label"])
    epsilon, what = float(row["epsilon"]), f"{row['attack'].decode()} at {row['epsilon']:.4g}"
    made = attack_images(subject, attack, epsilon, images[correct], labels[correct])
    logits = verdict(subject, made)
    stand = (sample["prediction"] == sample["label"])[correct.numpy()].sum()
    expected = (logits.argmax(1) == labels[correct]).sum().item()
    if subject.draws or attack.get("random_start", False):
        low, high = wilson(stand, len(images))
        print(f"  {what}: {stand / len(images):.2%} stand here, {low:.2%} to {high:.2%}; "
              f"{expected / len(images):.2%} in PyTorch")
        least, most = wilson(expected, len(images))
        failures.check(low <= expected / len(images) <= high or
                       least <= stand / len(images) <= most, what)
        return
    ours, theirs = sample["margin"][correct.numpy()], margins(logits, labels[correct]).numpy()
    near = numpy.maximum(numpy.abs(ours), numpy.abs(theirs)) < TOLERANCE
    differ = ((ours < 0) != (theirs < 0)) & ~near
    print(f"  {what}: {stand / len(images):.2%} stand here, {expected / len(images):.2%} in "
          f"PyTorch; {differ.sum()} of {len(ours)} images differ")
    places = numpy.flatnonzero(correct.numpy())[differ]
    failures.check(not differ.any(), f"{what}: images {places.tolist()}, margins here "
                   f"{ours[differ]}, in PyTorch {theirs[differ]}")


def compare_model(name, subject, file, attacks, images, labels, failures):
    rows = [row for row in file["results"][()] if row["defense"].decode() == name]
    torch.manual_seed(1)
    for place, row in enumerate(rows):
        stored = file["samples"][row["key"].decode()]
        sample = {key: stored[key][:len(images)]
                  for key in ("index", "label", "clean_prediction", "prediction", "clean_margin",
                              "margin")}
        index = torch.from_numpy(sample["index"].astype(int))
        if (labels[index].numpy() != sample["label"]).any():
            sys.exit(f"check_run: {name}: labels are not those of CIFAR-10's test images")
        if place == 0:
            compare_clean(name, subject, sample, images[index], labels[index], failures)
        attack = attacks[row["attack"].decode()]
        if can_attack(attack):
            compare_attacked(row, attack, subject, sample, images[index], labels[index], failures)
    return len(rows)


def main(run, cifar10, count):
    images, labels = read_cifar10(cifar10)
    compared, failures = 0, Failures()
    with h5py.File(run / "results.h5") as file:
        job = yaml.safe_load(file.attrs["job"])
        attacks = {attack.get("name", attack["kind"]): attack for attack in job["attacks"]}
        for defense in job["defenses"]:
            name = defense.get("name", defense["kind"])
            path = run / "models" / f"{name}.h5"
            if not path.exists():
                print(f"{name}: left out")
                continue
            compared += compare_model(name, load(path, defense, job, cifar10), file, attacks,
                                      images[:count], labels[:count], failures)
    if compared == 0:
        sys.exit("check_run: no model of this run can be compared")
    sys.exit(f"check_run: {len(failures)} points differ" if failures else 0)


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]),
     int(sys.argv[3]) if len(sys.argv) > 3 else 300)
