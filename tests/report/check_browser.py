#!/usr/bin/env python3
"""check_browser.py ADVGRID: reports in Debian's chromium, wide and narrow, light and dark: nothing in
the console, no sideways scroll, every picture drawn, tables that sort and copy."""
import csv
import io
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support import browser
from support.runner import check, main, require, rows

require("h5py", "numpy")
if not browser.installed():
    print("skipped: no chromium")
    sys.exit(77)
from support.results_files import add_details, add_samples, make, some_spans

RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "results")
BROKEN = "[...document.images].filter(i => !i.complete || i.naturalWidth === 0).length"
WIDTH = "document.documentElement.scrollWidth"
ALL = [(width, dark) for width in (1400, 400) for dark in (False, True)]
TWO = [(1400, False), (400, True)]
HOSTILE = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "x" * 10000,
           "'; system('id'); '", "\u65e5\u672c" * 30, "</script>"]


def check_quiet(page, path, screens):
    """At widths, on light and dark screens."""
    for width, dark in screens:
        page.open(path, width, dark)
        page.run("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        what = f"{path} at {width}, {'dark' if dark else 'light'}"
        check(page.run(WIDTH) == width, f"{what}: scrolls to {page.run(WIDTH)}")
        check(page.run(BROKEN) == 0, f"{what}: {page.run(BROKEN)} pictures are broken")
        page.run("document.querySelectorAll('th button').forEach(button => button.click())")
        check(page.run(WIDTH) == width, f"{what}: scrolls when it is sorted")
        check(not page.said(), f"{what}: {page.said()}")


# Of the first figure: the brightness of what it has drawn, from 0 to 255.
INK = """(() => {
    const figure = document.querySelector(".panels img"), canvas = document.createElement("canvas");
    canvas.width = figure.naturalWidth;
    canvas.height = figure.naturalHeight;
    const paper = canvas.getContext("2d");
    paper.drawImage(figure, 0, 0);
    const values = paper.getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0, count = 0;
    for (let i = 0; i < values.length; i += 4) {
        if (values[i + 3] < 128) continue;
        sum += (values[i] + values[i + 1] + values[i + 2]) / 3;
        ++count;
    }
    return [count, sum / count];
})()"""


def check_scheme(page, path):
    """A dark screen gets a dark page, and light lines in figures without a background."""
    colors, ink = [], []
    for dark in False, True:
        page.open(path, 1400, dark)
        colors.append(page.run("getComputedStyle(document.body).backgroundColor"))
        ink.append(page.run(INK))
    check(colors[0] != colors[1], f"{colors}")
    check(all(50 < count < 50000 for count, _ in ink), f"dots of a figure: {ink}")
    check(ink[0][1] < 140 < ink[1][1], f"brightness of a figure: {ink}")


def reports_are_quiet(program):
    folders = {
        "whole": dict(more=add_details, spans=some_spans(["none"], ["fgsm", "pgd"], 4, 40)),
        "half": dict(state=lambda d, a, e, s: (d + a + e) % 3, seeds=[1, 2], ranks=0),
        "single": dict(defenses=["none"], attacks=["fgsm"], epsilons=[8 / 255]),
        "wide": dict(defenses=[f"defense-{i}" for i in range(10)],
                     epsilons=[i / 255 for i in range(25)], ranks=100,
                     spans=some_spans(["defense-0"], ["fgsm", "pgd"], 64, 90)),
        "hostile": dict(defenses=HOSTILE, attacks=HOSTILE, epsilons=[0.1], job=HOSTILE[0],
                        gates=[(HOSTILE[0], HOSTILE[2], HOSTILE[2])],
                        failures=[(HOSTILE[2], HOSTILE[1])])}
    with browser.Browser() as page:
        for name, how in folders.items():
            make(program.path(name), **how)
            program.run("report", program.path(name))
            check_quiet(page, program.path(name, "report.html"), ALL if name == "whole" else TWO)
        check_scheme(page, program.path("whole", "report.html"))
        for name in "table1", "table2", "figure2-3":  # of CIFAR-10, as they are in the repository
            os.mkdir(program.path(name))
            shutil.copy(os.path.join(RESULTS, name, "results.h5"), program.path(name))
            program.run("report", program.path(name))
            check_quiet(page, program.path(name, "report.html"), ALL)


def comparisons_are_quiet(program):
    folders = {"two": [dict(), dict(defenses=["none", "at-trades", "x" * 60])],
               "hostile": [dict(defenses=HOSTILE, attacks=HOSTILE[:2], epsilons=[0.1], job=HOSTILE[0]),
                           dict(defenses=HOSTILE, attacks=HOSTILE[:2], epsilons=[0.1])]}
    with browser.Browser() as page:
        for name, sides in folders.items():
            paths = [program.path(f"{name}-{'long' * 40 * i}{i}") for i in range(len(sides))]
            for i, (path, how) in enumerate(zip(paths, sides)):
                make(path, images=50, more=add_samples(turn=i), **how)
            program.run("report", *paths, "-o", program.path(name))
            check_quiet(page, program.path(name, "comparison.html"), ALL if name == "two" else TWO)
        check_scheme(page, program.path("two", "comparison.html"))
        table = list(csv.DictReader(io.StringIO(copied(page, "differences", "CSV"))))
        check(len(table) == 24 and all("[" in row["difference"] and "(" in row["p"] for row in table),
              f"{table}")


def copied(page, table, kind):
    """What a click on a table's button would put into the clipboard."""
    return page.run(f"""(() => {{
        let text = null;
        Object.defineProperty(navigator, "clipboard", {{configurable: true, value:
            {{writeText: said => {{ text = said; return Promise.resolve(); }}}}}});
        const box = document.querySelector('.table[data-name="{table}"]');
        [...box.querySelectorAll(".copy button")].find(b => b.dataset.label === "{kind}").click();
        return text;
    }})()""")


def tables_sort_and_copy(program):
    out = program.path("out")
    make(out, ["none", "at_pgd", "50 %, \"x\""], epsilons=[0.01, 0.1],
         state=lambda d, a, e, s: int((d, a, e) != (1, 0, 1)))
    program.run("report", out)
    truth = {(row["defense"], row["attack"], row["epsilon"]): row for row in rows(out)}
    with browser.Browser() as page:
        page.open(os.path.join(out, "report.html"))
        table = list(csv.DictReader(io.StringIO(copied(page, "points", "CSV"))))
        check(len(table) == 12, f"{table}")
        for row in table:
            known = truth.get((row["defense"], row["attack"], float(row["epsilon"])))
            want = "" if known is None else f"{100 * known['robust_accuracy']:.2f}"
            check(row["robust, %"] == want, f"{row}, expected {want}")
        click = """[...document.querySelectorAll('.table[data-name="all-images"] thead button')]
                   .find(b => b.textContent === "0.1").click()"""
        for sign in 1, -1:
            page.run(click)
            order = [row["epsilon 0.1"] for row in
                     csv.DictReader(io.StringIO(copied(page, "all-images", "CSV")))]
            numbers = [sign * float(text.partition(" [")[0]) for text in order[:-1]]
            check(order[-1] == "" and numbers == sorted(numbers), f"sorted: {order}")
        latex = copied(page, "all-images", "LaTeX")
        check("at\\_pgd & fgsm" in latex and "50 \\%, " in latex and "& -- \\\\" in latex, latex)
        check(latex.startswith("\\begin{tabular}{llrll}\n"), latex)
        lines = copied(page, "correct-images", "Markdown").splitlines()
        check(len(lines) == 8 and lines[0].startswith("| defense | attack | clean |"), f"{lines}")
        check(lines[1] == "|---|---|---|---|---|", f"{lines}")
        shown = "getComputedStyle(document.querySelector('.linear')).display"
        check(page.run(shown) == "none", "logarithmic first")
        page.run("document.getElementById('scale-linear').click()")
        check(page.run(shown) == "block", "the linear scale")
        check(not page.said(), f"{page.said()}")


main([reports_are_quiet, comparisons_are_quiet, tables_sort_and_copy])
