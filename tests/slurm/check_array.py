#!/usr/bin/env python3
"""check_array.py ADVGRID SOURCE: on a Slurm cluster of its own, an array of three seeds, of which
one is requeued while its siblings go on; merged, it is the job run as a whole. And what array.sbatch
makes of its arguments."""
import os
import shlex
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Cluster
from support.runner import EPOCH, MODEL, check, check_same_as_alone, job, main, recorded, require

require("h5py")
SCRIPTS = os.path.join(os.path.abspath(sys.argv[2]), "slurm")
SCRIPT = os.path.join(SCRIPTS, "array.sbatch")
with open(sys.argv[1], "rb") as program_file:  # sanitizers make it slow
    EPOCHS = 8 if b"__asan_init" in program_file.read() else 20
TABLE = job(training_images=600, epochs=EPOCHS, images=40, block=20, epsilons="[0, 8/255]",
            more="seeds: [5, 2, 3]")


def submit(program, array, *arguments):
    """The array's number. The logs are NUMBER_ELEMENT.log, where cluster.log() looks for them."""
    return CLUSTER.submit(program, SCRIPT, *arguments,
                          options=("--output=%A_%a.log", "--nodes=1", "--ntasks-per-node=1",
                                   *([f"--array={array}"] if array else [])))


def directives(name):
    with open(os.path.join(SCRIPTS, name), encoding="ascii") as file:
        lines = [line for line in file if line.startswith("#SBATCH")]
    return [line for line in lines if not line.startswith("#SBATCH --output=")]


def directives_are_those_of_one_job(program):
    check(directives("array.sbatch") == directives("grid.sbatch"), "array.sbatch has others")


def an_array_of_seeds(program):
    """The element whose own job number is that of the whole array is the one that is requeued."""
    program.write("table.yaml", TABLE)
    array = submit(program, "0-2", "table.yaml")
    elements = [f"{array}_{i}" for i in range(3)]
    folder = program.path("results", "table-seed-3")
    CLUSTER.until(program, elements[2], lambda: recorded(folder, EPOCH), "epoch")
    check(CLUSTER.job(elements[2])["JobId"] == array, "the last element has the array's number")
    check(not recorded(folder, MODEL), "it is being trained")
    CLUSTER.run("scancel", "--signal=USR1", "--batch", elements[2])
    for i, element in enumerate(elements):
        fields = CLUSTER.wait(program, element)
        check(fields["Restarts"] == ("1" if i == 2 else "0"), f"{element}: {fields}")
        starts = CLUSTER.log(program, element).count(f"element    {i} of array {array}")
        check(starts == 1 + (i == 2), f"{starts} starts\n{CLUSTER.log(program, element)}")
    check(sorted(os.listdir(program.path("results"))) ==
          ["table-seed-2", "table-seed-3", "table-seed-5"], "a folder each")
    # The log says how to join them.
    line = next(line for line in CLUSTER.log(program, elements[0]).splitlines()
                if line.startswith("in the end "))
    words = shlex.split(line)[3:]
    check(words[0] == os.path.join(os.path.dirname(program.binary), "advgrid"), line)
    program.run(*words[1:])
    check_same_as_alone(program, TABLE, "results/table")


def an_array_of_defenses(program):
    """Over defenses, with a folder and a seed of the user's, and further arguments passed on."""
    text = job(training_images=150, epochs=1, images=20, block=20, epsilons="[0]",
               defenses="[{kind: none}, {kind: gaussian-noise, name: noisy}]", more="seeds: [5, 2]")
    program.write("table.yaml", text)
    program.environment["ADVGRID_OVER"] = "defense"
    array = submit(program, "1", "table.yaml", "--seed", "2", "-o", "out/two")
    CLUSTER.wait(program, f"{array}_1")
    log = CLUSTER.log(program, f"{array}_1")
    check(os.listdir(program.path("out")) == ["two-defense-noisy"], log)
    check("merge out/two-defense-none out/two-defense-noisy -o out/two\n" in log, log)
    with open(program.path("out", "two-defense-noisy", "job.yaml"), encoding="ascii") as file:
        check("\nseed: 2\n" in file.read(), log)


def wrong_calls_say_what_is_right(program):
    program.write("table.yaml", TABLE)
    right = "sbatch --array=0-2 slurm/array.sbatch table.yaml"
    for array, over, arguments, expected in (
            ("3", "seed", ["table.yaml"], f"element 3 of 3 seeds, from 0: {right}\n"),
            ("0", "seed", ["nowhere.yaml"], "advgrid: cannot open nowhere.yaml"),
            ("0", "seed", [], "a job file is missing"),
            ("0", "seed", ["table.yaml", "-o"], "-o needs a folder"),
            ("0", "seeds", ["table.yaml"], "ADVGRID_OVER is 'seeds'; expected seed or defense"),
            (None, "seed", ["table.yaml"], f"this is no array: {right}\n")):
        program.environment["ADVGRID_OVER"] = over
        number = submit(program, array, *arguments)
        # What is no array has the largest of 32 bits for its element.
        name = f"{number}_{array}" if array else number
        fields = CLUSTER.wait(program, name, "FAILED")
        check(fields["ExitCode"] == "2:0", f"{fields}")
        log = CLUSTER.log(program, f"{number}_{array or 2**32 - 2}")
        check(expected in log, f"expected '{expected}'\n{log}")
    check(not os.path.exists(program.path("results")), "a folder was made")


with Cluster(nodes=3) as CLUSTER:
    main([directives_are_those_of_one_job, an_array_of_seeds, an_array_of_defenses,
          wrong_calls_say_what_is_right])
