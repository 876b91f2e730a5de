#!/usr/bin/env python3
"""check_notebook.py ADVGRID SOURCE: every block of code in results/README.md, run in the folder of a
small job, warnings being errors; what h5dump, pandas and xarray show is what the run has found. A
block whose package is missing is passed over, and said to be."""
import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import NOISY, check, job, main, require, rows  # noqa: E402

require("h5py", "numpy")

README = os.path.join(sys.argv[2], "results", "README.md")
LANGUAGES = {"python", "sh"}


def blocks():
    """(language, code) of each fenced block."""
    with open(README, encoding="utf-8") as file:
        text = file.read()
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    check(text.count("```") == 2 * len(found), "a fence without its other end")
    return found


def missing(language, code):
    """What a block needs and this machine lacks."""
    if language == "sh":
        words = [line.split()[0] for line in code.splitlines() if line]
        return [word for word in words if word != "advgrid" and shutil.which(word) is None]
    names = [alias.name for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import)
             for alias in node.names]
    return [name for name in names if importlib.util.find_spec(name) is None]


def run(program, language, code, folder):
    command = {"sh": ["sh", "-ec"], "python": [sys.executable, "-Werror", "-c"]}[language]
    path = os.path.dirname(program.binary) + os.pathsep + os.environ["PATH"]
    result = subprocess.run([*command, code], cwd=folder, capture_output=True, text=True, timeout=120,
                            env={**program.environment, "PATH": path, "PYTHONIOENCODING": "utf-8"},
                            check=False)
    check(result.returncode == 0 and result.stderr == "",
          f"exit code {result.returncode} of\n{code}\n{result.stdout}{result.stderr}")
    check(result.stdout, f"nothing is printed by\n{code}")
    return result.stdout


def the_readme_runs(program):
    """On a whole job, of which one model comes twice: by a seed each."""
    text = job(training_images=200, epochs=2, images=40, block=20,
               defenses=f"[{{kind: none}}, {NOISY}]", more="seeds: [1, 2]")
    program.run("run", program.write("seeds.yaml", text), "-o", "seeds", ranks=2)
    program.run("run", program.write("one.yaml", text.replace("seeds: [1, 2]", "")), "-o", "one")
    found = blocks()
    check({language for language, _ in found} == LANGUAGES, "blocks of other languages")
    check(len(found) >= 7, f"{len(found)} blocks")
    shown = {}
    for language, code in found:
        lacking = missing(language, code)
        if lacking:
            print(f"        a block is passed over: {', '.join(lacking)} is not installed")
            continue
        for folder in "one", "seeds":
            shown[folder, code] = run(program, language, code, program.path(folder))
    check_values(program, shown)


def check_values(program, shown):
    """The numbers of the table are what is printed."""
    table = rows(program.path("one"))
    for (folder, code), text in shown.items():
        if folder != "one":
            continue
        if "xarray.Dataset" in code:
            expected = [row["robust_accuracy"] for row in table
                        if abs(row["epsilon"] - 8 / 255) < 1e-9]
            numbers = [float(word) for word in re.findall(r" (\d\.\d+)(?=\s)", text)]
            check(all(any(abs(value - number) < 1e-6 for number in numbers)
                      for value in expected), f"{expected} are not all in\n{text}")
            check("missing: 0 failed: 0" in text, text)
        if "pivot_table" in code:
            for row in table:
                check(f"{row['robust_accuracy']:.3f}" in text, f"{row}\n{text}")
        if "h5dump" in code:
            check(f'"{table[0]["key"]}"' in text and "name: tiny" in text, text)
        if "both" in code:
            counts = [int(number) for number in re.findall(r" (\d+)", text)]
            check(len(counts) == 4 and sum(counts) == 40 and
                  counts[0] + counts[1] == table[0]["robust_correct"] and
                  counts[0] + counts[2] == table[-1]["robust_correct"], f"{text}\n{table}")


def reference_results_are_read_too(program):
    """Those of this repository, which older versions have made."""
    for name in "base", "base-norm":
        folder = program.path(name)
        shutil.copytree(os.path.join(sys.argv[2], "results", name), folder)
        for language, code in blocks():
            if not missing(language, code):
                run(program, language, code, folder)


main([the_readme_runs, reference_results_are_read_too])
