#!/usr/bin/env python3
"""check_kernels.py ADVGRID: a job's `kernels:` are used and recorded, other kernels are other work,
and instructions that the processor does not run are refused before anything is written."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import check, job, main, require, units

require("h5py")
import h5py

NEEDS = {"avx512": {"avx512f", "avx512bw", "avx512vl", "avx512dq"}, "avx2": {"avx2", "fma"},
         "baseline": set()}


def flags():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("flags"):
                return set(line.split(":")[1].split())
    return set()


def runs_here():
    """The instruction sets that this processor runs, the widest first."""
    return [name for name, needed in NEEDS.items() if needed <= flags()]


def tiny(kernels):
    return job(training_images=200, epochs=1, attacks="[{kind: fgsm}]", epsilons="[2/255]",
               images=40, more=kernels)


def recorded(program, folder):
    with h5py.File(program.path(folder, "results.h5")) as file:
        return file.attrs["kernels"]


def choice_is_recorded(program):
    path = program.write("job.yaml", tiny("kernels: {instructions: baseline}\n"))
    program.run("run", path, "-o", "out")
    check(recorded(program, "out") == "baseline; conv1 im2col, conv2 im2col",
          recorded(program, "out"))
    with open(program.path("out", "job.yaml"), encoding="utf-8") as file:
        check("\nkernels: {instructions: baseline, convolution: auto}\n" in file.read(), "job.yaml")


def other_kernels_are_other_work(program):
    """... and `auto` is the same work as nothing said."""
    done = []
    for text in "", "kernels: {convolution: auto}\n", "kernels: {instructions: baseline}\n":
        program.run("run", program.write("job.yaml", tiny(text)), "-o", "out")
        done.append(len(units(program.path("out"))))
        name = "baseline" if "baseline" in text else runs_here()[0]
        check(recorded(program, "out").startswith(f"{name}; "), recorded(program, "out"))
    check(done == [1, 1, 2], f"units in the journal after each run: {done}")


def processor_decides(program):
    for name in NEEDS:
        path = program.write("job.yaml", tiny(f"kernels: {{instructions: {name}}}\n"))
        check(f"instructions: {name}" in program.run("plan", path).out, f"plan of {name}")
        if name in runs_here():
            program.run("run", path, "-o", name)
            check(recorded(program, name).startswith(f"{name}; "), recorded(program, name))
            continue
        for ranks in 0, 2:
            result = program.run("run", path, "-o", name, ranks=ranks, code=2)
            check(len(result.messages()) == 1, f"one message\n{result}")
            for part in "job.yaml", f"'{name}'", f"the best it runs are {runs_here()[0]}":
                check(part in result.messages()[0], f"no '{part}'\n{result}")
            check(not os.path.exists(program.path(name)), "a folder was created")


main([choice_is_recorded, other_kernels_are_other_work, processor_decides])
