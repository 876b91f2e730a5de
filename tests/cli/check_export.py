#!/usr/bin/env python3
"""check_export.py ADVGRID SOURCE: advgrid export against h5py, value for value and bit for bit; of a
job that is half done, of texts that mean harm, and that a failure leaves what was there."""
import csv
import os
import resource
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (NOISY, SAMPLES, check, job, main, require,  # noqa: E402
                            units, wait_until)

require("h5py", "numpy", "pandas")
import h5py  # noqa: E402
import numpy  # noqa: E402
import pandas  # noqa: E402

SMALL = job(training_images=200, epochs=2, images=40, block=20, defenses=f"[{{kind: none}}, {NOISY}]")
FILES = ["gates.csv", "points.csv", "ranks.csv", "timeline.csv", "training.csv"]


def read(path):
    """A file as RFC 4180 has it: every line ends with CR LF, but for those within quotes."""
    with open(path, newline="", encoding="utf-8") as file:
        text = file.read()
    check(text.endswith("\r\n"), f"{path} does not end with CR LF")
    rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
    check(len({len(row) for row in rows}) == 1, f"{path}: rows of several lengths")
    return rows


def same(cell, value, kind, what):
    """kind: numpy's type of the column."""
    if kind.kind in "SO":
        value = value.decode() if isinstance(value, bytes) else value
        check(cell == value, f"{what}: {cell!r}, not {value!r}")
    else:
        got = numpy.array(cell).astype(kind)
        check(got.tobytes() == numpy.array(value, kind).tobytes() or
              (numpy.isnan(got) and numpy.isnan(value)), f"{what}: {cell}, not {value!r}")


def check_table(path, tables, first=None):
    """tables: (cell in front, table), one behind the other."""
    heading, *rows = read(path)
    names = list(tables[0][1].dtype.names)
    check(heading == ([first] if first else []) + names, f"{path}: {heading}")
    check(len(rows) == sum(len(table) for _, table in tables), f"{path}: {len(rows)} rows")
    lines = iter(rows)
    for front, table in tables:
        for record in table:
            row = next(lines)
            if first:
                check(row.pop(0) == front, f"{path}: {row}, expected it of {front}")
            for cell, name in zip(row, names):
                same(cell, record[name], table.dtype[name], f"{path}, {name}")


def check_samples(folder, file):
    keys = sorted(file["samples"])
    check(sorted(os.listdir(os.path.join(folder, "samples"))) == [f"{key}.csv" for key in keys],
          "the files of samples")
    for key in keys:
        group, (heading, *rows) = file["samples"][key], read(f"{folder}/samples/{key}.csv")
        check(heading == SAMPLES and len(rows) == len(group["index"]), f"{heading}")
        for name, column in zip(heading, zip(*rows)):
            got = numpy.array(column).astype(group[name].dtype)
            check(got.tobytes() == group[name][:].tobytes(), f"{name} of {key}")


def check_all(out):
    folder = os.path.join(out, "csv")
    with h5py.File(os.path.join(out, "results.h5")) as file:
        check_table(f"{folder}/points.csv", [("", file["results"][:])])
        check_table(f"{folder}/gates.csv", [("", file["gates"][:])])
        check_table(f"{folder}/training.csv",
                    [(name, table[:]) for name, table in sorted(file["training"].items())], "model")
        for name in "ranks", "timeline", "failures":
            check((name in file) == os.path.exists(f"{folder}/{name}.csv"), f"{name}.csv")
            if name in file:
                check_table(f"{folder}/{name}.csv", [("", file[name][:])])
        if os.path.exists(f"{folder}/samples"):
            check_samples(folder, file)


def equals_what_h5py_reads(program):
    out = program.path("out")
    program.run("run", program.write("job.yaml", SMALL), "-o", out, ranks=2)
    result = program.run("export", "out", "--csv")
    check(sorted(os.listdir(f"{out}/csv")) == FILES, f"{os.listdir(f'{out}/csv')}")
    with h5py.File(f"{out}/results.h5") as file:
        pieces = len(file["timeline"])
    check(set(result.out.splitlines()) == {
        f"out/csv/timeline.csv  {pieces} rows",
        "out/csv/points.csv  12 rows", "out/csv/gates.csv  9 rows", "out/csv/ranks.csv  2 rows",
        "out/csv/training.csv  4 rows"}, f"{result}")
    check_all(out)
    program.run("export", "out", "--csv", "--samples")
    check_all(out)
    frame = pandas.read_csv(f"{out}/csv/points.csv", float_precision="round_trip")
    with h5py.File(f"{out}/results.h5") as file:
        check((frame["ci_low"].to_numpy() == file["results"]["ci_low"]).all(), "pandas")


def half_a_job_is_exported(program):
    """Killed before its end: one model's points are there, ranks are not; what the file does not have
    any more goes, what is somebody else's stays."""
    path = program.write("job.yaml", SMALL)
    process = program.start("run", path, "-o", "out", "-t", 1)
    check(program.run("export", "nowhere", "--csv", code=2).messages() ==
          ["advgrid: nowhere has no results.h5 to export"], "no folder")
    out = program.path("out")
    wait_until(program, process, lambda: os.path.exists(f"{out}/results.h5"), "results.h5")
    program.kill(process)
    check(len(units(out)) < 24, "the run was at its end before it was killed")
    os.makedirs(f"{out}/csv/samples")
    for name in "ranks.csv", "samples/mine.csv", f"samples/{'0' * 64}.csv", "notes.txt":
        program.write(f"out/csv/{name}", "old")
    program.run("export", "out", "--csv", "--samples")
    check(not os.path.exists(f"{out}/csv/ranks.csv"), "an old file of ours")
    check(not os.path.exists(f"{out}/csv/samples/{'0' * 64}.csv"), "an old point's file")
    check(os.path.exists(f"{out}/csv/notes.txt"), "a file of somebody else")
    os.remove(f"{out}/csv/samples/mine.csv")
    check_all(out)


def crafted(path, name="none", text="plain"):
    """A result file as none of ours is; what is not there is not missed."""
    words = h5py.string_dtype()
    points = numpy.zeros(2, [("key", "S64"), ("whole", "i2"), ("big", ">f8"), ("small", "f4"),
                             ("text", words)])
    points["whole"], points["big"], points["small"] = [-3, 32767], [1e-310, numpy.nan], [0.1, 1e-45]
    points["text"] = [text, ""]
    epochs = numpy.zeros(1, [("epoch", "u4"), ("loss", "f8")])
    epochs["loss"] = -numpy.inf
    with h5py.File(path, "w") as file:
        file["results"] = points
        file[f"training/{name}"] = epochs
        file["gates"] = numpy.zeros(0, [("gate", words), ("verdict", words)])
        file["samples/" + "a" * 64 + "/index"] = numpy.arange(3)
        file["samples/" + "a" * 64 + "/more"] = numpy.arange(3) / 3


def texts_come_back(program):
    """Commas, quotes, line ends, formulas, another alphabet, and 10,000 characters."""
    out = program.path("out")
    os.mkdir(out)
    for text in ('a,b', 'say "x"', 'two\r\nlines', '=cmd()|"x",', '\u00e9l\u00e8ve \u4e2d', 'x' * 10000,
                 '\x1b[2J', '"'):
        crafted(f"{out}/results.h5", name="n,\"\n..", text=text)
        program.run("export", "out", "--csv", "--samples")
        folder = f"{out}/csv"
        with h5py.File(f"{out}/results.h5") as file:
            check_table(f"{folder}/points.csv", [("", file["results"][:])])
            check_table(f"{folder}/training.csv", [("n,\"\n..", file["training"]["n,\"\n.."][:])],
                        "model")
        check(read(f"{folder}/gates.csv") == [["gate", "verdict"]], "an empty table")
        check(read(f"{folder}/samples/{'a' * 64}.csv")[2] == ["1", "0.3333333333333333"], "samples")


def what_is_no_table_is_refused(program):
    out = program.path("out")
    os.mkdir(out)
    crafted(f"{out}/results.h5")
    program.run("export", "out", "--csv", "--samples")
    before = {name: open(f"{out}/csv/{name}", "rb").read()
              for name in os.listdir(f"{out}/csv") if name.endswith(".csv")}

    def change(work, words, *options):
        crafted(f"{out}/results.h5")
        with h5py.File(f"{out}/results.h5", "r+") as file:
            work(file)
        result = program.run("export", "out", "--csv", *options, code=1)
        check(words in result.err and "out/results.h5" in result.err, f"{result}")
        now = {name: open(f"{out}/csv/{name}", "rb").read()
               for name in os.listdir(f"{out}/csv") if name != "samples"}
        check(now == before, f"files changed, or more are there: {sorted(now)}")

    def replace(name, value):
        def work(file):
            first = name.split("/")[0]
            if name in file or first == "gates":
                del file[name if name in file else first]
            file[name] = value
        return work

    change(replace("gates", numpy.zeros((2, 2))), "no table")
    change(replace("gates/x", 1), "/gates")
    change(replace("ranks", numpy.zeros(2, [("a", "f8", (3,))])), "column a")
    change(replace("training/other", numpy.zeros(1, [("epoch", "u4"), ("cost", "f8")])), "columns")
    change(replace(f"samples/{'a' * 64}/index", numpy.arange(4)), "expected", "--samples")
    change(replace("samples/..evil/index", numpy.arange(3)), "no point", "--samples")
    program.write("out/results.h5", b"no HDF5" * 100)
    check("results.h5" in program.run("export", "out", "--csv", code=1).err, "no HDF5")


def a_full_disk_changes_nothing(program):
    """Files may have 4 KiB: the table of points fits, a point's samples do not."""
    out = program.path("out")
    os.mkdir(out)
    crafted(f"{out}/results.h5")
    program.run("export", "out", "--csv")
    with open(f"{out}/csv/points.csv", "rb") as file:
        before = file.read()
    crafted(f"{out}/results.h5", text="changed")
    with h5py.File(f"{out}/results.h5", "r+") as file:
        file["samples/" + "b" * 64 + "/index"] = numpy.arange(100000)
    # Python itself ignores the signal of a file that may not grow, and leaves that to children.
    result = subprocess.run(
        [program.binary, "export", "out", "--csv", "--samples"], cwd=program.folder,
        env=program.environment, restore_signals=False, capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)), check=False)
    check(result.returncode == 1 and "cannot write" in result.stderr, f"{result}")
    with open(f"{out}/csv/points.csv", "rb") as file:
        check(file.read() == before, "points.csv changed")
    left = [name for _, _, names in os.walk(out) for name in names if not name.endswith(".csv")]
    check(left == ["results.h5"], f"left behind: {left}")


def the_command_line_is_checked(program):
    check("--csv" in program.run("export", "out", code=2).err, "no form")
    check("missing" in program.run("export", "--csv", code=2).err, "no folder")
    check("'b' is more" in program.run("export", "a", "b", "--csv", code=2).err, "two folders")


main([equals_what_h5py_reads, half_a_job_is_exported, texts_come_back, what_is_no_table_is_refused,
      a_full_disk_changes_nothing, the_command_line_is_checked])
