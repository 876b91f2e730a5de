#!/usr/bin/env python3
"""check_page.py ADVGRID: the numbers on the page are those of results.h5, whatever state the job is
in."""
import glob
import math
import os
import re
import sys
import xml.dom.minidom

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.page import Page, check_figures, check_whole, figures, percent, report
from support.runner import check, job, main, require, rows

require("h5py", "numpy")
import h5py
from support.results_files import CORES, add_details, make, some_spans, wilson

GATES = [("epsilon 0 equals clean", "passed", "1 point"),
         ("a black-box attack is not stronger", "not applicable", "no attacks"),
         ("one step is not stronger than many", "failed", "27 of 200 images")]


def epsilon_text(value):
    short = f"{value:.4g}"
    return short if math.isclose(float(short), value) else f"{255 * value:.0f}/255"


def check_points_table(page, folder):
    """Every row of /results, to the digit that is shown."""
    shown = {(row["defense"], row["attack"], float(row["epsilon"]), int(row["seed"])): row
             for row in page.tables["points"].records()}
    for row in rows(folder):
        got = shown[row["defense"], row["attack"], float(f"{row['epsilon']:.9g}"), int(row["seed"])]
        want = {"images": str(row["images"]), "clean correct": str(row["clean_correct"]),
                "robust correct": str(row["robust_correct"]), "state": "done",
                "clean, %": percent(row["clean_accuracy"]), "low, %": percent(row["ci_low"]),
                "robust, %": percent(row["robust_accuracy"]), "high, %": percent(row["ci_high"]),
                "of correct, %": percent(row["robust_accuracy_of_correct"]),
                "max Linf": f"{row['max_linf']:.4g}", "mean L2": f"{row['mean_l2']:.4g}",
                "gradients": str(row["gradients"]), "rank seconds": f"{row['seconds']:.2f}"}
        for name, value in want.items():
            check(got[name] == value, f"{name} of {row}: {got[name]}, expected {value}")
    return shown


def interval(low, high):
    return f"[{max(100 * low, 0):.2f}, {100 * high:.2f}]"


def check_pivots(page, folder):
    """One seed: both tables have the accuracies of each point, with their intervals."""
    for name, column in (("all-images", "robust_accuracy"),
                         ("correct-images", "robust_accuracy_of_correct")):
        table = page.tables[name]
        shown = {(row["defense"], row["attack"]): (row, copy) for row, copy in
                 zip(table.records(), table.records(table.copies))}
        for row in rows(folder):
            got, copy = shown[row["defense"], row["attack"]]
            place = f"epsilon {epsilon_text(row['epsilon'])}"
            of = row["images"] if name == "all-images" else row["clean_correct"]
            want = f"{percent(row[column])} {interval(*wilson(row['robust_correct'], of))}"
            check(got[place] == percent(row[column]), f"{name}, {row}: {got}")
            check(copy[place] == want, f"{name}, {row}: {copy}, expected {want}")
            check(got["clean"] == percent(row["clean_accuracy"]), f"{name}, {row}: {got}")


def check_best(page, folder):
    """Of each attack and epsilon the defense under which most images stand, and how many others its
    interval does not tell apart from it."""
    places = {}
    for row in rows(folder):
        places.setdefault((row["attack"], f"epsilon {epsilon_text(row['epsilon'])}"), []).append(row)
    table = page.tables["best"]
    defenses = {row["defense"] for row in rows(folder)}
    shown = {row[0]: (dict(zip(table.names, row)), dict(zip(table.names, copy)),
                      dict(zip(table.names, print))) for row, copy, print in
             zip(table.rows, table.copies, table.prints)}
    for (attack, epsilon), there in places.items():
        value, copy, print = (part[epsilon] for part in shown[attack])
        best = max(there, key=lambda row: row["robust_accuracy"])
        alike = sum(row["robust_accuracy"] == best["robust_accuracy"] for row in there)
        close = sum(row["ci_high"] >= best["ci_low"] for row in there) - 1
        check(value == percent(best["robust_accuracy"]), f"{attack}, {epsilon}: {value}")
        want = f"{value} {interval(best['ci_low'], best['ci_high'])}"
        if len(defenses) > 1:
            name = f"all {alike} alike" if 1 < alike == len(there) else best["defense"]
            want = f"{name} {want}"
        check(copy == want, f"{attack}, {epsilon}: '{copy}', expected '{want}'")
        told = f"not told apart from {close} other" in print
        check(told == (close > 0 and alike < len(there)), f"{attack}, {epsilon}: {print}, {close}")


def check_curves(folder):
    """Every number of a figure of accuracies is that of its point; one seed, at most eight defenses."""
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        sides = [[name.decode() for name in file[f"grid/{side}"][:]] for side in ("defense", "attack")]
    truth = {(row["defense"], row["attack"], float(f"{row['epsilon']:.9g}")): row
             for row in rows(folder)}
    seen = set()
    for path in glob.glob(os.path.join(folder, "figures", "accuracy-*.dat")):
        attack = sides[1][int(os.path.basename(path).split("-")[1]) - 1]
        with open(path, encoding="utf-8") as file:
            blocks = file.read().split("# defense ")[1:]
        check(len(blocks) == len(sides[0]), f"{path}: {len(blocks)} curves")
        for defense, block in zip(sides[0], blocks):
            for line in block.splitlines()[1:]:
                if not line or line.startswith("NaN"):
                    continue
                epsilon, *got = (float(word) for word in line.split()[:4])
                row = truth[defense, attack, epsilon]
                want = [100 * row[name] for name in ("robust_accuracy", "ci_low", "ci_high")]
                check(all(abs(a - b) < 1e-4 for a, b in zip(got, want)), f"{path}: {line}, {want}")
                seen.add((defense, attack, epsilon))
    check(seen == set(truth), f"{folder}: {len(seen)} points are drawn of {len(truth)}")


def short(value):
    return f"{value:.3g}"


def check_costs(page, folder):
    """What models cost in training and under each attack, and how fast they were trained."""
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        threads, spans = int(file.attrs["threads"]), file["timeline"][:]
        trainings = {name: table[:] for name, table in file["training"].items()}
    models = {row["defense"]: row for row in page.tables["core-hours"].records()}
    for name, epochs in trainings.items():
        own = spans[(spans["kind"] == b"training") & (spans["defense"] == name.encode())]
        seconds = math.fsum(own["seconds"])
        check(float(models[name]["its training"]) == float(short(seconds * threads / 3600)), f"{models}")
        got = [row for row in page.tables["training"].records() if row["model"] == name][0]
        rate = 100 * len(epochs) / math.fsum(epochs["seconds"])  # 200 images, 100 of them to validate
        check(math.isclose(float(got["images/s"]), rate, abs_tol=0.06), f"{rate} images/s: {got}")
    for name, row in models.items():
        for attack in "fgsm", "pgd":
            seconds = math.fsum(point["seconds"] for point in rows(folder)
                                if (point["defense"], point["attack"]) == (name, attack))
            check(float(row[attack]) == float(short(seconds * threads / 3600)), f"{attack}: {row}")
    seconds, exposed = (math.fsum(math.fsum(epochs[name]) for epochs in trainings.values())
                        for name in ("seconds", "exposed_seconds"))
    check(f"for {100 * exposed / seconds:.2f} % of that communication was exposed" in page.text,
          "exposed communication")


def bars(svg):
    """The bars of a timeline by colour: (left, right, upper edge), in the SVG's pixels."""
    found = {}
    for node in xml.dom.minidom.parseString(svg).getElementsByTagName("polygon"):
        corners = [tuple(map(float, point.split(","))) for point in
                   node.getAttribute("points").split()]
        edges = min(x for x, _ in corners), max(x for x, _ in corners), min(y for _, y in corners)
        found.setdefault(node.getAttribute("fill").replace(" ", ""), []).append(edges)
    return found


TRAINING, FIRST, SECOND = "rgb(0,114,178)", "rgb(213,94,0)", "rgb(0,158,115)"


def timelines(page):
    return [svg for svg in figures(page) if "What the ranks did" in svg]


def a_timeline_shows_what_ranks_did(program):
    """Two ranks: one trains and attacks, the other waits first; and what a second run did."""
    out = program.path("out")
    spans = [(1, 0, 0, 40, "none", ""), (1, 0, 40, 20, "none", ""), (1, 0, 60, 40, "none", "fgsm"),
             (1, 1, 60, 20, "none", "fgsm"), (1, 1, 80, 20, "none", "pgd"),
             (3, 0, 20, 80, "none", "pgd")]
    make(out, ["none"], ranks=2, spans=spans)
    page, _ = report(program, out)
    check_whole(page, out)
    (svg,) = timelines(page)
    check("minutes, 2 runs one behind the other" in svg and "rank" in svg, "axes")
    found = bars(svg)
    rows_of = sorted({bar[2] for color in (TRAINING, FIRST, SECOND) for bar in found[color]})[:2]
    drawn = {color: sorted(bar for bar in found[color] if bar[2] in rows_of)
             for color in (TRAINING, FIRST, SECOND)}
    check([len(drawn[color]) for color in drawn] == [1, 2, 2], f"what touches is one bar: {drawn}")
    left, width = drawn[TRAINING][0][0], drawn[SECOND][1][1] - drawn[TRAINING][0][0]
    want = {TRAINING: [(0, 60, 0)], FIRST: [(60, 100, 0), (60, 80, 1)],
            SECOND: [(80, 100, 1), (120, 200, 0)]}
    for color, expected in want.items():
        got = sorted((x, y, rows_of.index(z)) for x, y, z in drawn[color])
        for bar, (begin, end, row) in zip(got, sorted((left + width * a / 200, left + width * b / 200, r)
                                                      for a, b, r in expected)):
            check(abs(bar[0] - begin) < 2 and abs(bar[1] - end) < 2 and bar[2] == row,
                  f"{color}: {bar}, expected {begin} to {end} in row {row}")
    make(out, ["none"], ranks=2)
    page, _ = report(program, out)
    check(not timelines(page) and "When each rank did what is not in this file" in page.text, "missing")
    check(page.tables["core-hours"].records()[0]["its training"] == "", "missing is no number")


def a_run_ends_with_its_report(program):
    program.reports = True
    defenses = "[{kind: none}, {kind: gaussian-noise, sigma: 0.1, draws: 2}]"
    path = program.write("job.yaml", job(defenses=defenses, training_images=200, images=40, block=20))
    out = program.path("out")
    result = program.run("run", path, "-o", out, ranks=2)
    check(result.out.endswith(f"{out}/results.h5\n{out}/report.html\n"), f"{result}")
    page = Page(os.path.join(out, "report.html"))
    check_whole(page, out)
    check(len(check_points_table(page, out)) == 12, "12 points")
    check_pivots(page, out)
    check_best(page, out)
    check_figures(page, out, 2 * 2 + 3 + 2)  # two scales of two attacks, training, ranks
    check_costs(page, out)
    check("Under fgsm" in figures(page)[0] and "in Linf" in figures(page)[0], "a panel's words")
    for name in "none", "gaussian-noise":
        check(all(name in svg for svg in figures(page)[:7]), f"{name} in each legend")
    again, result = report(program, out)
    check(result.out == f"{out}/report.html\n", f"{result}")
    check(again.tables["points"].rows == page.tables["points"].rows, "the same report again")
    os.remove(os.path.join(out, "report.html"))
    program.run("run", path, "-o", out, "--no-report", ranks=2)
    check(not os.path.exists(os.path.join(out, "report.html")), "--no-report")


def what_is_missing_is_a_dash(program):
    """Half a job of three seeds: one attack has failed at an epsilon, a defense has not begun."""
    def state(defense, attack, epsilon, seed):
        if defense == 2:
            return 0
        return 2 if (attack, epsilon) == (1, 1) else int(seed < 2 or defense == 0)

    out = program.path("half")
    make(out, ["none", "at", "later"], epsilons=[0.01, 0.1], seeds=[1, 2, 3], state=state, ranks=0,
         gates=GATES, failures=[("at-seed1, pgd, epsilon 0.1", "a logit is not finite")])
    page, _ = report(program, out)
    check_whole(page, out)
    check_points_table(page, out)
    states = [row["state"] for row in page.tables["points"].records()]
    check([states.count(name) for name in ("done", "failed", "missing")] == [15, 6, 15], f"{states}")
    for row in page.tables["points"].records():
        check(row["state"] == "done" or row["robust, %"] == row["images"] == "", f"{row}")
    shown = {(row["defense"], row["attack"]): row for row in page.tables["all-images"].records()}
    got = {(row["defense"], row["attack"], row["epsilon"]): [] for row in rows(out)}
    for row in rows(out):
        got[row["defense"], row["attack"], row["epsilon"]].append(row["robust_accuracy"])
    for (defense, attack, epsilon), values in got.items():
        check(shown[defense, attack][f"epsilon {epsilon:g}"] == percent(sum(values) / len(values)),
              f"{defense}, {attack}: {shown[defense, attack]} is not the mean of {values}")
    check(shown["at", "pgd"]["epsilon 0.1"] == "failed", f"{shown}")
    check(shown["later", "fgsm"] == {"defense": "later", "attack": "fgsm", "clean": "",
                                     "epsilon 0.01": "", "epsilon 0.1": ""}, f"{shown}")
    for text in ("15 of 36", "6 failed, 15 missing", "2 of 3 seeds", "2 of 3 defenses done",
                 "a logit is not finite"):
        check(text in page.text, f"'{text}' is not on the page")
    order = [page.text.index(gate) for gate, _, _ in (GATES[2], GATES[0], GATES[1])]
    check(order == sorted(order), "gates that failed come first")
    check("later (missing)" in figures(page)[0], "a curve without points says so")


def one_point(program):
    out = program.path("single")
    make(out, ["none"], ["fgsm"], [8 / 255], epochs=0, ranks=0)
    page, _ = report(program, out)
    check_whole(page, out)
    check_points_table(page, out)
    check_pivots(page, out)
    check_figures(page, out, 2)
    check("No epoch of any model" in page.text, "training is missing")
    make(out, ["none"], ["fgsm"], [8 / 255], epochs=0, ranks=0, state=lambda *place: 0)
    page, _ = report(program, out)
    check_whole(page, out)
    check(not page.figures and page.tables["points"].rows[0][4] == "missing", "nothing is done")


CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def check_examples(page, folder):
    """The class and the probability that the model gives each picture, in the order of the rows."""
    text, place = "".join(page.text.split()), 0
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        for row in rows(folder):
            group = file["examples"][row["key"]]
            for i, label in enumerate(group["label"][:]):
                clean, attacked = (f"{CLASSES[sure.argmax()]}{100 * sure.max():.1f}%" for sure in
                                   (group["clean_probabilities"][i], group["probabilities"][i]))
                words = (f"epsilon{epsilon_text(row['epsilon'])},image{i}:{CLASSES[label]}"
                         f"clean{clean}perturbation\u00d710attacked{attacked}")
                check(words in text[place:], f"'{words}' is not on the page, or too early")
                place = text.index(words, place)


def details_where_there_are_some(program):
    out = program.path("details")
    made = make(out, ["none", "at"], ["pgd"], [0.05], more=add_details)
    page, _ = report(program, out)
    check_whole(page, out)
    check_curves(out)
    check_figures(page, out, 2 + 2 * 2 + 4 + 1)  # two scales, two latent pairs, training, ranks
    rows = re.findall('<figure class="row"><img alt="([^"]*)', page.source)
    check(len(rows) == 2 and not any(" under " in row for row in rows), f"rows begin with {rows}")
    check(len(figures(page, "png")) == 3 * 4 * 2, "three pictures of four images of two points")
    check("\u00d7 10" in page.text, "the perturbation's factor")
    check_examples(page, out)
    for row in page.tables["draws"].records():
        want = [point for point in made if point[1] == row["defense"]][0]
        check(row["images"] == str(want[5]), f"{row}")
        check(math.isclose(float(row["mean, %"]), 100 * want[9], rel_tol=1e-5), f"{row}")
    check(page.tables["neighbours"].rows[0][4:] == ["1.25", "3.5"], "distances")
    check(any("41.2 % of variance" in svg and "dense1" in svg for svg in figures(page)), "axes")


def certificates_are_called_so(program):
    """By the job in the file: an attack that gives radii is none under which images stand."""
    out = program.path("certified")
    make(out, ["smooth"], ["cohen", "pgd"], [0.25, 0.5], job="""
name: certified
dataset: {kind: synthetic}
model: {kind: small}
defenses: [{kind: gaussian-noise, name: smooth, after: pixels, sigma: 0.25, vote: majority}]
attacks: [{kind: certify, name: cohen}, {kind: pgd}]
epsilons: [0.25, 0.5]
""")
    page, _ = report(program, out)
    check_whole(page, out)
    notes = " ".join(page.text.split()).count("provably stay so within the radius: cohen.")
    check(notes == 2, f"{notes} notes")
    seconds = rows(out)[0]["seconds"]  # the same work for both radii
    cost = {row["attack"]: row for row in page.tables["attacks"].records()}
    check(cost["cohen"]["points done"] == "2", f"{cost}")
    check(cost["cohen"]["core-hours"] == short(seconds * CORES / 3600), f"{cost}")
    check(cost["pgd"]["core-hours"] == short(2 * rows(out)[2]["seconds"] * CORES / 3600), f"{cost}")
    shown = figures(page)
    for text, count in (("Certified by cohen", 2), ("radius in L2", 2), ("certified accuracy, %", 2),
                        ("Under pgd", 2), ("Under cohen", 0), ("epsilon in Linf", 2)):
        found = sum(text in svg for svg in shown)
        check(found == count, f"'{text}' is in {found} figures, expected {count}")


def five_hundred_points(program):
    out = program.path("many")
    make(out, [f"defense-{i}" for i in range(10)], [f"attack-{i}" for i in range(5)],
         [i / 255 for i in range(10)], more=add_details, ranks=300, epochs=40,
         spans=some_spans(["defense-0"], [f"attack-{i}" for i in range(5)], 300, 40))
    page, _ = report(program, out)
    check_whole(page, out)
    check(len(check_points_table(page, out)) == 500, "500 points")
    check(len(figures(page, "png")) == 3 * 500, "an image of each point")
    # Accuracy and training in two parts; 24 latent spaces of five defenses, and their clean ones.
    check_figures(page, out, 5 * 2 * 2 + 24 + 5 + 2 * 4 + 2)
    check("Of 26 more there is the latent space" in page.text, "what is not drawn")
    check("There are more in /examples" in page.text, "examples that are not shown")
    (svg,) = timelines(page)
    check("rank, 5 in a row" in svg and len(svg) < 1 << 20, f"{len(svg)} bytes")


main([a_run_ends_with_its_report, a_timeline_shows_what_ranks_did, what_is_missing_is_a_dash,
      one_point, details_where_there_are_some, certificates_are_called_so, five_hundred_points])
