#!/usr/bin/env python3
"""check_compare.py ADVGRID: the numbers by which defenses and folders are compared are those that
follow from the images in results.h5; what cannot be compared is said; nothing else is touched."""
import glob
import hashlib
import math
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.page import Page, check_whole, compare, figures, percent
from support.runner import check, main, require, rows

require("h5py", "numpy")
import h5py
from support.results_files import add_samples, make, wilson

JOB = """name: {name}
seeds: {seeds}
dataset: {{kind: synthetic}}
model: {{kind: {model}}}
training: {{epochs: {epochs}}}
defenses: [{{kind: none}}, {{kind: gaussian-noise, name: noise, sigma: 0.1}}]
attacks: [{{kind: fgsm}}, {{kind: pgd, steps: {steps}}}]
epsilons: [0.01, 0.1]
"""


def job(name="first", seeds="[1]", model="small", epochs=3, steps=5):
    return JOB.format(name=name, seeds=seeds, model=model, epochs=epochs, steps=steps)


# ---- the same numbers, by other means ------------------------------------------------------------

def right(folder, key):
    """Which images are right, clean and under attack: {index: bool}."""
    with h5py.File(os.path.join(folder, "results.h5")) as file:
        part = {name: file[f"samples/{key}/{name}"][:] for name in
                ("index", "label", "clean_prediction", "prediction")}
    stands = (part["clean_prediction"] == part["label"]) & (part["prediction"] == part["label"])
    return dict(zip(part["index"].tolist(), stands.tolist()))


def mcnemar(b, c):
    more, n = max(b, c), b + c
    return min(1, 2 * sum(math.comb(n, k) for k in range(more, n + 1)) / 2 ** n)


def newcombe(a, b, c, d):
    """Method 10, of the second accuracy less the first."""
    n = a + b + c + d
    p, q = (a + c) / n, (a + b) / n
    (low, high), (other_low, other_high) = wilson(a + c, n), wilson(a + b, n)
    product, excess = (a + b) * (c + d) * (a + c) * (b + d), a * d - b * c
    phi = (max(excess - n / 2, 0) if excess > 0 else excess) / math.sqrt(product) if product else 0

    def reach(x, y):
        return math.sqrt(x * x - 2 * phi * x * y + y * y)
    return p - q - reach(p - low, other_high - q), p - q + reach(high - p, q - other_low)


def holm(values):
    out, most = [0] * len(values), 0
    for place, i in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        most = max(most, min(1, (len(values) - place) * values[i]))
        out[i] = most
    return out


def probability(value):
    return "<1e-300" if value < 1e-300 else f"{value:.3g}"


def expected(pairs):
    """The table's rows: pairs are ((folder, row), (folder, row)), the first compared against."""
    found = []
    for (folder, row), (other_folder, other_row) in pairs:
        one, other = right(folder, row["key"]), right(other_folder, other_row["key"])
        both = [(one[index], other[index]) for index in one if index in other]
        found.append([both.count(pair) for pair in
                      ((True, True), (True, False), (False, True), (False, False))])
    alone = [mcnemar(b, c) for _, b, c, _ in found]
    out = []
    for (a, b, c, d), p, adjusted in zip(found, alone, holm(alone)):
        n = a + b + c + d
        low, high = (100 * value for value in newcombe(a, b, c, d))
        out.append({"images": str(n), "accuracy, %": percent((a + c) / n),
                    "against, %": percent((a + b) / n), "lost": str(b), "gained": str(c),
                    "difference": f"{100 * (c - b) / n:+.2f} [{low:+.2f}, {high:+.2f}]",
                    "p": f"{probability(adjusted)} ({probability(p)})"})
    return out


def check_rows(table, pairs, places):
    """The rows of the table that have these places, (defense, attack, epsilon, ...)."""
    names = ["defense", "attack", "epsilon", "against", "seed"]
    copies = {tuple(row[name] for name in names if name in row): row for row in
              table.records(table.copies)}
    check(len(copies) == len(table.rows), "a row that is there twice")
    for place, want in zip(places, expected(pairs)):
        got = copies.get(place)
        check(got is not None, f"no row {place} in {list(copies)}")
        for name, value in want.items():
            check(got[name] == value, f"{name} of {place}: {got[name]}, expected {value}")


def points(folder):
    return {(row["defense"], row["attack"], f"{row['epsilon']:.9g}", int(row["seed"])): row
            for row in rows(folder)}


# ---- pages -----------------------------------------------------------------------------------

def defenses_of_one_folder(program):
    out = program.path("one")
    make(out, ["noise", "none", "at"], epsilons=[0.01, 0.1], seeds=[1, 2], images=300,
         more=add_samples())
    program.run("report", out)
    page = Page(os.path.join(out, "report.html"))
    check_whole(page, out)
    table, all_points = page.tables["differences"], points(out)
    places = [place for place in all_points if place[0] != "none"]
    check(len(table.rows) == len(places) == 16, f"{len(table.rows)} rows")
    pairs = [((out, all_points["none", *place[1:]]), (out, all_points[place])) for place in places]
    check_rows(table, pairs, [(*place[:3], str(place[3])) for place in places])
    check("against none" in page.text and "the 16 tests" in page.text, "the note")
    make(out, ["noise", "none"], images=300)
    program.run("report", out)
    check("differences" not in Page(os.path.join(out, "report.html")).tables, "without images")


def two_folders(program):
    """Of two seeds one is shared, of 1000 images 700; a defense is in one folder alone."""
    one, other = program.path("one"), program.path("other")
    make(one, ["none", "noise"], epsilons=[0.01, 0.1], seeds=[1, 2], job=job(seeds="[1, 2]"),
         more=add_samples())
    make(other, ["noise", "later"], epsilons=[0.1, 0.3], seeds=[3, 2],
         job=job("second", "[3, 2]", "base", 4), more=add_samples(first=300, turn=1))
    page, result = compare(program, one, other)
    out = program.path("out")
    check(result.out == f"{out}/comparison.html\n", f"{result}")
    check_whole(page, out)
    all_points = [points(one), points(other)]
    pairs, places = [], []
    for defense, against in (("noise", "noise"), ("later", "none")):
        for attack in "fgsm", "pgd":
            pairs.append(((one, all_points[0][against, attack, "0.1", 2]),
                          (other, all_points[1][defense, attack, "0.1", 2])))
            places.append((f"2 second: {defense}", attack, "0.1", f"1 first: {against}", "2"))
    table = page.tables["differences"]
    check(len(table.rows) == 4 and set(row["images"] for row in table.records()) == {"700"},
          f"{table.rows}")
    check_rows(table, pairs, places)
    settings = {row[0]: row[1:] for row in page.tables["settings"].rows}
    check(settings == {"model": ["small", "base"], "model.dropout": ["", "0.1"],
                       "training.epochs": ["3", "4"], "seeds": ["1, 2", "3, 2"]}, f"{settings}")
    shown = {(row["defense"], row["attack"]): row for row in page.tables["accuracies"].records()}
    check(len(shown) == 8 and page.tables["accuracies"].names[3:] == ["epsilon 0.1"], f"{shown}")
    for folder, (name, known) in enumerate(zip(("1 first", "2 second"), all_points)):
        for (defense, attack, epsilon, _), row in known.items():
            if epsilon != "0.1":
                continue
            same = [known[place]["robust_accuracy"] for place in known
                    if place[:3] == (defense, attack, epsilon)]
            got = shown[f"{name}: {defense}", attack]["epsilon 0.1"]
            check(got == percent(sum(same) / len(same)), f"{folder}, {defense}, {attack}: {got}")
    drawn = figures(page)
    check(len(drawn) == 4 and all(f"{name}: noise" in svg for svg in drawn for name in
                                  ("1 first", "2 second")), "two attacks on two scales")
    check("more accurate under attack in" in page.text and "of 4 tests" in page.text, "in short")


def it_is_written_again(program):
    """What is missing is a dash, then a number; figures that are no more are no more."""
    one, other = program.path("one"), program.path("other")
    make(one, ["none"], epsilons=[0.1], more=add_samples())
    make(other, ["none"], epsilons=[0.1], more=add_samples(turn=1), state=lambda d, a, e, s: 1 - a)
    page, _ = compare(program, one, other)
    table = {row["attack"]: row for row in page.tables["differences"].records()}
    check(table["pgd"]["images"] == table["pgd"]["p"] == table["pgd"]["difference"] == "", f"{table}")
    check(table["fgsm"]["images"] == "1000" and "the 1 test of" in page.text, f"{table}")
    make(other, ["none"], epsilons=[0.1], more=add_samples(turn=1))
    page, _ = compare(program, one, other)
    check(all(row["images"] == "1000" for row in page.tables["differences"].records()), "done")
    check(len(glob.glob(program.path("out", "figures", "*.gp"))) == 4, "four figures")
    make(other, ["none"], ["fgsm"], epsilons=[0.1], more=add_samples(turn=1))
    compare(program, one, other)
    check(len(glob.glob(program.path("out", "figures", "*.gp"))) == 2, "two figures")


def what_cannot_be_compared_is_said(program):
    folders = [program.path(name) for name in ("a", "b", "c", "d", "e")]
    grid = dict(defenses=["none", "noise"], epsilons=[0.01, 0.1], images=100, epochs=0, ranks=0)
    make(folders[0], job=job(), more=add_samples(), **grid)
    make(folders[1], job=job("other-steps", steps=6), more=add_samples(), **grid)
    make(folders[2], job=job("other-images"), more=add_samples(digest="b" * 64), **grid)
    make(folders[3], job=job("other-seed", "[5]"), more=add_samples(), **{**grid, "seeds": [5]})
    make(folders[4], job="name: [", more=add_samples(), **{**grid, "epsilons": [0.2]})
    page, _ = compare(program, *folders)
    text = " ".join(page.text.split())
    for want in ("attack 'pgd': steps is 5 in 1 first and 6 in 2 other-steps.",
                 "3 other-images was trained or tested on other images than 1 first, by the SHA-256",
                 "4 other-seed has no seed in common with 1 first",
                 "5 e has a job that this version cannot read",
                 "5 e shares no attack at an epsilon with another folder"):
        check(want in text, f"'{want}' is not in {text}")
    table = page.tables["differences"].records()
    check({row["defense"] for row in table} == {"2 other-steps: none", "2 other-steps: noise"} and
          {row["attack"] for row in table} == {"fgsm"} and len(table) == 4, f"{table}")
    shown = page.tables["accuracies"].records()
    check({row["defense"] for row in shown if row["attack"] == "pgd"} ==
          {f"{name}: {defense}" for name in ("1 first", "3 other-images", "4 other-seed")
           for defense in ("none", "noise")}, f"{shown}")
    with h5py.File(os.path.join(folders[1], "results.h5"), "a") as file:
        del file.attrs["dataset_sha256"]
    page, _ = compare(program, *folders[:2])
    check("2 other-steps may have been trained or tested on other images than 1 first" in page.text and
          "there is no test in pairs" in page.text and "differences" not in page.tables, "no digest")


def the_first_that_has_the_point(program):
    """Of three folders the second has an epsilon that the first has not, and the first no images of
    another; one without a defense that could be compared has no row; one name twice is one."""
    a, b, c = (program.path(name) for name in "abc")
    grid = dict(attacks=["fgsm"], images=100, epochs=0, ranks=0)
    for place, (folder, epsilons) in enumerate(((a, [0.1]), (b, [0.1, 0.2]), (c, [0.2, 0.1]))):
        make(folder, ["none"], epsilons=epsilons, job=job(f"job-{place}"),
             more=add_samples(turn=place), **grid)
    page, _ = compare(program, a, b, c)
    against = {(row["defense"], row["epsilon"]): row["against"] for row in
               page.tables["differences"].records()}
    check(against == {("2 job-1: none", "0.1"): "1 job-0: none", ("3 job-2: none", "0.1"): "1 job-0: none",
                      ("3 job-2: none", "0.2"): "2 job-1: none"}, f"{against}")
    with h5py.File(os.path.join(a, "results.h5"), "a") as file:
        del file["samples"]
    page, _ = compare(program, a, b, c)
    against = {(row["defense"], row["epsilon"], row["against"]) for row in
               page.tables["differences"].records() if row["images"]}
    check(against == {("3 job-2: none", epsilon, "2 job-1: none") for epsilon in ("0.1", "0.2")},
          f"{against}")
    make(a, ["at", "noise", "at", "at"], epsilons=[0.1], job="name: [", more=add_samples(), **grid)
    make(b, ["noise", "other"], epsilons=[0.1], job="name: [", more=add_samples(turn=1), **grid)
    page, _ = compare(program, a, b)
    rows_of = [(row["defense"], row["images"]) for row in page.tables["differences"].records()]
    check(rows_of == [("2 b: noise", "100")], f"{rows_of}")
    check(len(page.tables["accuracies"].rows) == 4, f"{page.tables['accuracies'].rows}")


def settings_decide_what_is_one_attack(program):
    """Also where a first job cannot be read, whose attack goes with the first that can."""
    folders = [program.path(name) for name in "pqr"]
    for folder, text in zip(folders, ("name: [", job("five"), job("sixty", steps=60))):
        make(folder, ["none"], ["pgd"], [0.1], job=text, more=add_samples(), images=50)
    page, _ = compare(program, *folders)
    text = " ".join(page.text.split())
    check("One name, two attacks, which are not compared: attack 'pgd': steps" in text or
          "3 sixty shares no attack" in text, text)
    check({row["defense"] for row in page.tables["differences"].records()} == {"2 five: none"}, text)
    result = program.run("report", *folders[1:], "-o", "none", code=2)
    check("; attack 'pgd': steps is 5 in 1 five and 60 in 2 sixty" in result.err, f"{result}")


def counts_and_colours(program):
    """What the page says in short is what its rows say."""
    one, other = program.path("one"), program.path("other")
    for folder, defenses in ((one, ["none", "noise"]), (other, ["noise", "none", "at"])):  # the later, the better
        make(folder, defenses, epsilons=[0.01, 0.1], job=job(), more=add_samples())
    page, _ = compare(program, one, other)
    signs = []
    for row in page.tables["differences"].records(page.tables["differences"].copies):
        value, p = float(row["difference"].split()[0]), float(row["p"].split()[0])
        signs.append(0 if p >= 0.05 else 1 if value > 0 else -1)
    check(len(signs) == 12 and signs.count(1) > signs.count(-1) > 0, f"too much alike: {signs}")
    text = " ".join(page.text.split())
    want = (f"more accurate under attack in {signs.count(1)}, less in {signs.count(-1)}, "
            f"not told apart in {signs.count(0)} of 12 tests")
    check(want in text, f"'{want}' is not in {text}")
    check(f"Told apart{12 - signs.count(0)} of 12" in text.replace("apart ", "apart"), text)
    for name, sign in (("right", 1), ("wrong", -1)):
        check(page.source.count(f'<td class="number {name}"') == signs.count(sign), f"{name}: {signs}")


def long_names_are_told_apart(program):
    names = [f"randomised-smoothing-sigma-{sigma}" for sigma in ("0.12", "0.25")]
    for turn, name in enumerate("ab"):
        make(program.path(name), names, ["fgsm"], [0.1], job=job(), more=add_samples(turn=turn), images=20)
    page, _ = compare(program, "a", "b")
    for svg in figures(page):
        check(all(f"{i} first: {name}" in svg for i in (1, 2) for name in names), "a legend")


def of_one_name(program):
    """Jobs of one name are told apart by their numbers, and more curves than fit by their figures."""
    folders = [program.path(f"run-{i}") for i in range(3)]
    for i, folder in enumerate(folders):
        make(folder, [f"defense-{k}" for k in range(4)], ["fgsm"], [0.1, 0.2], job=job("same"),
             more=add_samples(turn=i), images=50, epochs=0, ranks=0)
    page, _ = compare(program, *folders)
    check(len(figures(page)) == 4, "twelve curves in two parts on two scales")
    for svg in figures(page)[:1]:
        check(all(f"{i} same: defense-0" in svg for i in (1, 2, 3)), "those of one defense together")
    names = [row["job"] for row in page.tables["folders"].records()]
    check(names == ["1 same", "2 same", "3 same"], f"{names}")
    check(len(page.tables["differences"].rows) == 16, "two folders against the first")


# ---- wrong input -----------------------------------------------------------------------------

def contents(folder):
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "**"), recursive=True)):
        with open(path, "rb") if os.path.isfile(path) else open(os.devnull, "rb") as file:
            found[path] = hashlib.sha256(file.read()).hexdigest(), os.stat(path).st_mtime_ns
    return found


def wrong_input(program):
    for name, epsilon in (("a", 0.1), ("b", 0.1), ("far", 0.2)):
        make(program.path(name), ["none"], ["fgsm"], [epsilon], more=add_samples(), images=20)
    os.symlink(program.path("a"), program.path("link"))
    os.mkdir(program.path("full"))
    program.write("full/note", "kept")
    os.mkdir(program.path("broken"))
    program.write("broken/results.h5", b"no HDF5")
    before = contents(program.folder)
    for arguments, message, code in (
            (["a", "b"], "-o DIR, where the comparison of several folders is written, is missing", 2),
            (["a", "-o", "new"], "-o is for several folders", 2),
            (["-o", "new"], "a result folder is missing", 2),
            (["a", "none", "-o", "new"], "none/results.h5 is not there", 2),
            (["a", "broken", "-o", "new"], "is not an HDF5 file", 1),
            (["a", "b", "./a", "-o", "new"], "a and ./a are the same folder", 2),
            (["a", "link", "-o", "new"], "a and link are the same folder", 2),
            (["a", "far", "-o", "new"], "nothing to compare; a has fgsm at 0.1; far has fgsm at 0.2", 2),
            (["a", "b", "-o", "a/new"], "a/new is within a", 2),
            (["a", "b", "-o", "link"], "link is within a", 2),
            (["a", "b", "-o", "far"], "far is a result folder already", 2),
            (["a", "b", "-o", "full"], "full is not empty; expected a new or an empty folder", 2)):
        result = program.run("report", *arguments, code=code)
        check(message in result.err and not result.out, f"{arguments}: {result}")
        check("-o" not in arguments or len(result.messages()) == 1 or "Try" in result.err, f"{result}")
        check(contents(program.folder) == before, f"{arguments}: something was changed")
    os.makedirs(program.path("unfinished", "figures"))
    program.write("unfinished/figures/list.txt", "")  # of one that was killed while it drew
    program.run("report", "a", "b", "-o", "unfinished")
    program.run("report", "a", "b", "-o", "new/deep")
    after = contents(program.folder)
    check({path: after[path] for path in before if path != program.folder + "/"} ==
          {path: before[path] for path in before if path != program.folder + "/"}, "a folder changed")


def without_gnuplot(program):
    for name in "a", "b":
        make(program.path(name), more=add_samples(), images=20)
    program.environment["PATH"] = program.path("nothing")
    page, result = compare(program, "a", "b", code=1)
    check("comparison.html has no figures: gnuplot is not in PATH" in result.err, f"{result}")
    check(not page.figures and len(page.tables["differences"].rows) == 16, "tables alone")


main([defenses_of_one_folder, two_folders, it_is_written_again, what_cannot_be_compared_is_said,
      the_first_that_has_the_point, settings_decide_what_is_one_attack, counts_and_colours,
      long_names_are_told_apart, of_one_name, wrong_input, without_gnuplot])
