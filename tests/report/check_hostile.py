#!/usr/bin/env python3
"""check_hostile.py ADVGRID: no name in a result file becomes code or is lost in a figure, and what a
report needs and does not find is said."""
import glob
import math
import os
import string
import sys
import xml.dom.minidom

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.page import check_figures, check_whole, compare, figures, hostile, report
from support.runner import check, job, main, require

require("h5py", "numpy")
import h5py
from support.results_files import add_samples, make


def names_become_no_code(program):
    canary, out = program.path("canary"), program.path("hostile")
    names = hostile(canary)
    make(out, names, names, [0.01, 0.1], job=names[0] + "\x01\n", gates=[(names[0], names[0], names[9])],
         failures=[(names[9], names[12])],
         spans=[(i, i, 1e300 if i == 3 else i, math.nan if i == 4 else 2, name, name)
                for i, name in enumerate(names)])
    page, _ = report(program, out)
    check_whole(page, out)
    check(not os.path.exists(canary), "a name was run")
    check(page.elements["style"] == 1 and "bdi" in page.elements, f"{page.elements}")
    check(names[0] in page.text and names[12] in page.text, "names are shown as they are")
    shown = {row[0] for row in page.tables["points"].rows}
    check("x" * 64 + "\u2026" in shown and not any(len(name) > 65 for name in shown), "names are clipped")
    check("\u202e" not in page.source, "a mark that turns the text")
    check_figures(page, out, len(glob.glob(os.path.join(out, "figures", "*.gp"))))
    for name in os.listdir(os.path.join(out, "figures")):
        check(not set(name) - set(string.ascii_lowercase + string.digits + "-."), f"file {name}")
    for svg in figures(page):
        check("<script" not in svg.lower() and "<foreignobject" not in svg.lower(), "a script in a figure")
    check(sorted(os.listdir(program.folder)) == ["hostile"], f"{os.listdir(program.folder)}")


JOB = """name: read
dataset: {{kind: synthetic}}
model: {{kind: small}}
defenses: [{{kind: none, file: '{file}'}}]
attacks: [{{kind: fgsm}}, {{kind: pgd, steps: {steps}}}]
epsilons: [0.1]
"""


def compared_settings_become_no_code(program):
    """Of jobs that can be read: a value of each, and an attack of one name."""
    bad = "/tmp/<script>alert(1)</script>"
    for name, file, steps in (("a", bad, 5), ("b", "<img src=x onerror=alert(2)>", 6)):
        text = JOB.format(file=file, steps=steps)
        make(program.path(name), ["none"], epsilons=[0.1], job=text, more=add_samples(), images=20)
        with h5py.File(program.path(name, "results.h5"), "a") as out:
            out.attrs["cpu"] = file
    page, _ = compare(program, "a", "b")
    check_whole(page, "settings")
    settings = {row[0]: row[1:] for row in page.tables["settings"].rows}
    check(settings["defense 'none': file"][0] == bad and "attack 'pgd': steps" in settings, f"{settings}")
    check(settings["processor of the last run"][0] == bad, f"{settings}")
    check("One name, two attacks" in page.text and "img" not in
          {name for name in page.elements if page.elements[name] > len(page.figures)}, f"{page.elements}")


def compared_names_become_no_code(program):
    canary = program.path("canary")
    names = hostile(canary)
    folders = [program.path(name) for name in
               ("<img src=x onerror=alert(1)>", "'; system('touch canary'); '", "$(touch canary)`x`")]
    for i, folder in enumerate(folders):
        make(folder, names, names[i:i + 4], [0.01, 0.1], job=names[0] + "\x01\n",
             more=add_samples(turn=i), images=20, epochs=0, ranks=0)
    before = sorted(os.listdir(program.folder))
    page, _ = compare(program, *folders, output="a 'b' <i>$(touch canary)</i>")
    check_whole(page, "hostile")
    check(sorted([*before, "a 'b' <i>$(touch canary)<"]) == sorted(os.listdir(program.folder)),
          f"{os.listdir(program.folder)}")
    check(page.elements["style"] == 1 and "i" not in page.elements, f"{page.elements}")
    check(folders[0].rsplit("/", 1)[1] in page.text and names[12] in page.text, "names as they are")
    check(len(figures(page)) > 0, "no figure")
    for svg in figures(page):
        check("<script" not in svg.lower() and "<foreignobject" not in svg.lower(), "a script")


def every_character_reaches_a_figure(program):
    """Printable ASCII, at either end of a name and in its midst."""
    names = [f"{c}a{c}b{c}" for c in string.printable if c.isprintable()]
    out = program.path("characters")
    make(out, names, ["fgsm"], [0.1], epochs=0, ranks=0)
    page, _ = report(program, out)
    texts = " ".join(node.firstChild.data for svg in figures(page) for node in
                     xml.dom.minidom.parseString(svg).getElementsByTagName("text") if node.firstChild)
    stand_ins = {"'": "\u2019", "`": "\u2019", '"': "\u201d", "\\": "\u2216", " ": "\u00a0"}
    for name in names:
        want = "".join(stand_ins.get(c, c) for c in name)
        check(want in texts or name == " a b " and "a" in texts, f"'{want}' is in no legend")


def without_gnuplot(program):
    out = program.path("bare")
    make(out)
    program.environment["PATH"] = program.path("nothing")
    page, result = report(program, out, code=1)
    check(result.messages() == [f"advgrid: {out}/report.html has no figures: gnuplot is not in PATH "
                                "(Debian package gnuplot-nox)"], f"{result}")
    check_whole(page, out)
    check(len(page.tables["points"].rows) > 0, "its tables")
    check("not drawn: gnuplot is not in PATH" in page.text and not page.figures, "what is missing")
    program.reports = True
    program.environment["OMPI_MCA_plm_rsh_agent"] = "/bin/true"  # which MPI looks for in PATH
    path = program.write("job.yaml", job(epochs=1, training_images=200, images=40, epsilons="[8/255]"))
    result = program.run("run", path, "-o", "out", ranks=0)
    told = [line for line in result.messages() if "gnuplot" in line]
    check(len(told) == 1 and "warning: " in told[0], f"{result}")
    check(os.path.exists(program.path("out", "report.html")), "a run's page")


def what_is_no_result_folder(program):
    result = program.run("report", program.path("none"), code=2)
    check("results.h5 is not there" in result.err, f"{result}")
    os.mkdir(program.path("broken"))
    with open(program.path("broken", "results.h5"), "wb") as file:
        file.write(b"no HDF5")
    with open(program.path("broken", "report.html"), "w", encoding="utf-8") as file:
        file.write("of before")
    result = program.run("report", program.path("broken"), code=1)
    check("is not an HDF5 file" in result.err, f"{result}")
    check(sorted(os.listdir(program.path("broken"))) == ["report.html", "results.h5"], "left behind")
    program.run("report", code=2)
    program.run("report", "a", "b", code=2)


main([names_become_no_code, compared_settings_become_no_code,
      compared_names_become_no_code, every_character_reaches_a_figure, without_gnuplot,
      what_is_no_result_folder])
