#!/usr/bin/env python3
"""The tables of results/NAME/README.md: what a run came to, beside what the paper reports.

python3 results/tables.py writes the part between the two marks of each README anew from the
results.h5 beside it; with --check it writes nothing, and exits with 1 where one is not as it would
be. Exit code 77 where h5py is not installed.
"""
import pathlib
import sys

try:
    import h5py
except ImportError as missing:
    print(missing)
    sys.exit(77)

HERE = pathlib.Path(__file__).parent
BEGIN, END = "<!-- made by results/tables.py -->\n", "<!-- to here -->\n"

# The paper's table 1, in % of the images that are classified correctly without an attack.
TABLE_1 = {"fgsm": {0.001: 84.61, 0.01: 54.05, 0.05: 22.00, 0.1: 21.74, 0.3: 20.57, 0.5: 13.77},
           "pgd-20": {0.001: 27.75, 0.01: 12.47, 0.05: 7.71, 0.1: 7.75, 0.3: 7.79, 0.5: 7.89}}
# Its table 2; what it calls adversarial training against an attack is at each column's epsilon.
TABLE_2 = {("fgsm", "none"): (47.95, 7.31), ("fgsm", "at-fgsm"): (68.53, 43.15),
           ("fgsm", "at-pgd"): (68.74, 16.92), ("pgd-20", "none"): (57.99, 0),
           ("pgd-20", "at-fgsm"): (88.32, 3.55), ("pgd-20", "at-pgd"): (91.28, 13.33)}
CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def wilson(successes, trials):
    z = 1.959963984540054
    p, scale = successes / trials, 1 + z * z / trials
    centre = (p + z * z / (2 * trials)) / scale
    half = z / scale * (p * (1 - p) / trials + z * z / (4 * trials * trials)) ** 0.5
    return max(centre - half, 0), min(centre + half, 1)


def percent(successes, trials):
    low, high = wilson(int(successes), int(trials))
    return f"{100 * successes / trials:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def read(name):
    """The rows of a run, by (defense, attack, epsilon)."""
    with h5py.File(HERE / name / "results.h5") as file:
        return {(row["defense"].decode(), row["attack"].decode(), round(float(row["epsilon"]), 9)):
                row for row in file["results"][()]}


def markdown(head, lines):
    rule = ["---"] * len(head)
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *lines))


def table1(name):
    rows = read(name)
    attacks = list(dict.fromkeys(attack for _, attack, _ in rows))
    head = ["epsilon"]
    for attack in attacks:
        head += [f"{attack}, paper"] * (attack in TABLE_1) + [f"{attack}, here"]
    lines = []
    for epsilon in sorted({epsilon for _, _, epsilon in rows}):
        line = [f"{epsilon:g}"]
        for attack in attacks:
            row = rows["none", attack, epsilon]
            if attack in TABLE_1:
                line.append(f"{TABLE_1[attack][epsilon]:.2f}")
            line.append(percent(row["robust_correct"], row["clean_correct"]))
        lines.append(line)
    row = next(iter(rows.values()))
    return (f"{row['clean_correct']} of {row['images']} images are classified correctly without an "
            "attack; the table has the share of them, in %, that still is, with Wilson's 95 % "
            "interval.\n\n" + markdown(head, lines))


def table2(name):
    """Defenses are named after what they are and the epsilon that they are trained at."""
    rows = read(name)
    defenses = list(dict.fromkeys(defense for defense, _, _ in rows))
    kinds = list(dict.fromkeys(name.rpartition("-0.")[0] or name for name in defenses))
    head, lines = ["attack", "defense"], []
    for epsilon in (0.01, 0.05):
        head += [f"{epsilon}, paper", f"{epsilon}, of the correct", f"{epsilon}, of all",
                 f"{epsilon}, clean"]
    for attack in ("fgsm", "pgd-20"):
        for kind in kinds:
            line = [attack, kind]
            for column, epsilon in enumerate((0.01, 0.05)):
                own = kind if kind in defenses else f"{kind}-{epsilon}"
                row = rows[own, attack, epsilon]
                paper = TABLE_2.get((attack, kind))
                line += [f"{paper[column]:.2f}" if paper else "",
                         percent(row["robust_correct"], row["clean_correct"]),
                         percent(row["robust_correct"], row["images"]),
                         f"{100 * row['clean_accuracy']:.2f}"]
            lines.append(line)
    return ("Accuracies in %, with Wilson's 95 % interval, of models that are trained at the "
            "epsilon of their column.\n\n" + markdown(head, lines))


def figure23(name):
    """The examples at one epsilon, under every attack."""
    epsilon = 8 / 255

    def verdict(row):
        best = row.argmax()
        return f"{CLASSES[best]} {100 * row[best]:.2f}"

    with h5py.File(HERE / name / "results.h5") as file:
        points = [row for row in file["results"][()] if abs(row["epsilon"] - epsilon) < 1e-9]
        examples = [file["examples"][row["key"].decode()] for row in points]
        head = ["test image", "label", "clean"] + [row["attack"].decode() for row in points]
        lines = [[str(index), CLASSES[label], verdict(examples[0]["clean_probabilities"][place])] +
                 [verdict(group["probabilities"][place]) for group in examples]
                 for place, (index, label) in enumerate(zip(examples[0]["index"],
                                                            examples[0]["label"]))]
    return ("The class of the first test images and its probability in %, without an attack and "
            "under attacks at epsilon 8/255; images that are classified wrongly are not attacked."
            "\n\n" +
            markdown(head, lines))


def accuracies(rows, columns):
    """A line for each defense and attack: the share of all images in %, at each of the epsilons."""
    head = ["defense", "attack", "clean"] + [f"{epsilon:g}" for epsilon in columns]
    lines = []
    for defense, attack in dict.fromkeys((defense, attack) for defense, attack, _ in rows):
        own = [rows[defense, attack, epsilon] for epsilon in columns]
        lines.append([defense, attack, f"{100 * own[0]['clean_accuracy']:.2f}"] +
                     [f"{100 * row['robust_accuracy']:.2f}" for row in own])
    return markdown(head, lines)


def reach(rows):
    """How far the intervals of some rows reach, for the sentence above a table without them."""
    most = max(max(row["ci_high"] - row["robust_accuracy"], row["robust_accuracy"] - row["ci_low"])
               for row in rows.values())
    images = next(iter(rows.values()))["images"]
    return (f"Accuracies in % of {images} images, by epsilon; Wilson's 95 % intervals reach at most "
            f"{100 * most:.1f} points away.\n\n")


def grid(name):
    rows = read(name)
    return reach(rows) + accuracies(rows, sorted({epsilon for _, _, epsilon in rows}))


def draws(name):
    """The same, and how much robust accuracy varies between single draws of the noise."""
    with h5py.File(HERE / name / "results.h5") as file:
        points = [(row, file["draws"][row["key"]].attrs) for row in file["results"][()]
                  if row["key"].decode() in file["draws"]]
        lines = [[row["defense"].decode(), row["attack"].decode(), f"{row['epsilon']:g}",
                  f"{100 * row['robust_accuracy']:.2f}", f"{100 * one['mean']:.2f}",
                  f"{100 * one['low']:.2f} to {100 * one['high']:.2f}"]
                 for row, one in points if round(float(row["epsilon"]), 9) in (0.005, 0.02)]
    head = ["defense", "attack", "epsilon", "by the mean over draws", "by a single draw", "its interval"]
    return (grid(name) + "\nThe same accuracies by one draw of the noise, on average, with Student's "
            "95 % interval over the draws.\n\n" + markdown(head, lines))


def latent(name):
    """Accuracy by nearest neighbours, and how far these are, without an attack and under it."""
    with h5py.File(HERE / name / "results.h5") as file:
        lines = []
        for row in file["results"][()]:
            far = file["neighbours"][row["key"]].attrs
            lines.append([row["defense"].decode(), row["attack"].decode(),
                          percent(row["clean_correct"], row["images"]),
                          percent(row["robust_correct"], row["images"]),
                          f"{far['mean_clean_distance']:.2f}", f"{far['mean_attacked_distance']:.2f}"])
    head = ["defense", "attack", "clean, %", "attacked, %", "distance of the clean image",
            "of the attacked one"]
    return ("Accuracy by the nearest of 5 x 10 reference images, with Wilson's 95 % interval, and the "
            "mean distance from the nearest of them, at epsilon 0.01.\n\n" + markdown(head, lines))


def bounds(name):
    """Accuracies, and the product of each network's bounds."""
    with h5py.File(HERE / name / "results.h5") as file:
        product = {model: rows[()]["bound"][0] for model, rows in file["lipschitz"].items()}
    lines = [[model, f"{value:.3g}"] for model, value in product.items()]
    return (grid(name) + "\nUpper bounds of what the whole network can stretch in L2, of those that were "
            "trained to have low ones.\n\n" + markdown(["defense", "bound"], lines))


MADE = {"table1": table1, "table2": table2, "figure2-3": figure23, "figure6-7": draws,
        "figure8": latent, "lipschitz": bounds, "smoothing": grid}


def main(check):
    different = []
    for name, made in MADE.items():
        path = HERE / name / "README.md"
        if not path.exists():
            continue
        text = path.read_text()
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        renewed = before + BEGIN + "\n" + made(name) + "\n" + END + after
        if renewed != text:
            different.append(str(path))
            if not check:
                path.write_text(renewed)
    if check and different:
        sys.exit(f"tables.py: {', '.join(different)} is not what results.h5 says")


main("--check" in sys.argv[1:])
