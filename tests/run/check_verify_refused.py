#!/usr/bin/env python3
"""check_verify_refused.py ADVGRID: folders and files that `verify` cannot compare are refused, by
name and reason."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import check, require

require("h5py", "numpy")
import h5py
import numpy
from support.verified import check_equal, compare, pair


def check_refused(program, expected, first="a", second="b"):
    for folders in (first, second), (second, first):
        result = program.run("verify", *folders, code=2)
        check(result.out == "" and len(result.err.splitlines()) == 1, f"one line\n{result}")
        for part in "advgrid: ", *expected:
            check(part in result.err, f"expected '{part}'\n{result}")


def cut(path, size):
    with open(path, "r+b") as file:
        file.truncate(size)


def folders_that_are_none(program):
    pair(program)
    os.mkdir(program.path("empty"))
    program.write("file", "text")
    check_refused(program, ("nowhere",), second="nowhere")
    check_refused(program, ("empty has no results.h5",), second="empty")
    check_refused(program, ("file is no folder",), second="file")


def damaged_files_are_named(program):
    pair(program)
    for name in "results.h5", "models/none.h5":
        path = program.path("b", name)
        whole = open(path, "rb").read()
        for size in 0, 7, 100, len(whole) // 2, len(whole) - 1:
            cut(path, size)
            check_refused(program, (f"b/{name}",))
            program.write(os.path.join("b", name), whole)
        program.write(os.path.join("b", name), b"this is no HDF5 file" * 1000)
        check_refused(program, (f"b/{name}",))
        program.write(os.path.join("b", name), whole)
    check_equal(program)
    with h5py.File(program.path("b", "results.h5"), "r+") as file:
        del file["results"]
    check_refused(program, ("b/results.h5 has no table /results",))


def damaged_chunk_is_named(program):
    """A file that opens, and a dataset in it that cannot be unpacked."""
    name, values = "samples/x", numpy.arange(5000, dtype="f4")
    pair(program)
    for folder in "a", "b":
        with h5py.File(program.path(folder, "results.h5"), "r+") as file:
            file.create_dataset(name, data=values, chunks=(5000,), compression="gzip")
            place = file[name].id.get_chunk_info(0)
    with open(program.path("b", "results.h5"), "r+b") as file:
        file.seek(place.byte_offset)
        file.write(bytes(place.size))
    check_refused(program, ("b/results.h5: /samples/x: cannot be read",))


def column_outside_its_row_is_refused(program):
    """The offset of a column lies behind its name and one zero byte."""
    pair(program)
    with open(program.path("b", "results.h5"), "r+b") as file:
        place = file.read().index(b"mean_l2\0") + len(b"mean_l2\0")
        file.seek(place + 1)
        file.write(b"\x7f")
    check_refused(program, ("b/results.h5: /results: column mean_l2 lies outside of its row",))


def model_of_a_complete_job_is_missing(program):
    """With no file in either folder nothing says that the models are the same."""
    pair(program)
    for name in "a", "b":
        os.remove(program.path(name, "models", "noisy.h5"))
    check_refused(program, ("models/noisy.h5 is missing in both ",))


def lists_are_refused(program):
    """Rather than passed over."""
    for kind in h5py.vlen_dtype("i4"), numpy.dtype([("texts", h5py.string_dtype(), (2,))]):
        pair(program)
        for name in "a", "b":
            with h5py.File(program.path(name, "results.h5"), "r+") as file:
                file.create_dataset("lists", (2,), kind)
        check_refused(program, ("results.h5: /lists: ", "cannot be compared"))


compare([folders_that_are_none, damaged_files_are_named, damaged_chunk_is_named,
         column_outside_its_row_is_refused, model_of_a_complete_job_is_missing, lists_are_refused])
