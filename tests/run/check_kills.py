#!/usr/bin/env python3
"""check_kills.py ADVGRID [SOURCE] [--kills N] [--seed N] [--epochs N] [--images N]: a job whose
ranks are killed at random instants and that is continued by any number of ranks comes to the bits
of one that was left alone, with no record lost and none doubled. By hand, on a release build:
  check_kills.py build/release/advgrid --kills 500 --epochs 20 --images 2000"""
import argparse
import os
import random
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (ADVERSARIAL, EPOCH, MODEL, NOISY, UNIT, check, check_same_as_alone,
                            grid, journal, main, processes, recorded, require, rows, wait_until)

require("h5py")

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("binary")
OPTIONS.add_argument("source", nargs="?")
OPTIONS.add_argument("--kills", type=int, default=12)
OPTIONS.add_argument("--seed", type=int, default=4)
OPTIONS.add_argument("--epochs", type=int, default=3)
OPTIONS.add_argument("--images", type=int, default=203)
OPTIONS = OPTIONS.parse_args()
RANDOM = random.Random(OPTIONS.seed)
KILLS = 6  # of one job, which is then left to come to its end
UNITS = 36  # 2 models, 2 attacks, 3 epsilons, 50 images in blocks of 20


def kill_ranks(process, ranks):
    """All ranks at once, so that none has a moment to tidy up. Returns those there were."""
    found = processes(process) if ranks > 0 else {0: process.pid}
    for pid in found.values():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it is done
    return found


def check_journal(folder, before, ended):
    """What was recorded is still there, and no unit nor model twice."""
    now = journal(folder)
    check(now[:len(before)] == before, "records that were there are gone or changed")
    for kind, most in (UNIT, UNITS), (MODEL, 2):
        keys = recorded(folder, kind)
        check(len(keys) == len(set(keys)) <= most, f"{len(keys)} records of kind {kind}, "
              f"{len(set(keys))} different, of {most}")
        check(len(keys) == most or not ended, f"{len(keys)} records of kind {kind} at the end")
    return now


class Story:
    """The same folder from run to run."""

    def __init__(self, program, path, number):
        self.program, self.path = program, path
        self.folder, self.records, self.kills = program.path(f"out-{number}"), [], 0

    def attempt(self, seconds):
        """Runs on, and kills within so many seconds. True where the job was done before that."""
        ranks = RANDOM.choice([0, 1, 2, 3])  # 0: without mpirun
        instant = RANDOM.uniform(0, seconds)
        process = self.program.start("run", self.path, "-o", self.folder, "-t", 1, ranks=ranks)
        started = time.monotonic()
        while time.monotonic() - started < instant and process.poll() is None:
            time.sleep(0.002)
        killed = {}
        while process.poll() is None and not killed:
            killed = kill_ranks(process, ranks)
            time.sleep(0.002)
        result = self.wait(process)
        self.records = check_journal(self.folder, self.records, result.code == 0)
        self.kills += result.code != 0
        check(result.code == 0 or killed, f"{ranks} ranks ended by themselves\n{result}")
        return result.code == 0

    def wait(self, process):
        """Open MPI's mpirun may crash or wait for ever where ranks die while they start."""
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            self.program.kill(process)
        return self.program.wait(process, crashes=())

    def check_end(self, want):
        keys = {row["key"] for row in rows(self.folder)}
        check(len(keys) == len(rows(self.folder)) == 12, f"{len(keys)} rows")
        result = self.program.run("verify", want, self.folder, code=None)
        check(result.code == 0 and result.out.startswith("equal: 12 points"), f"{result}")


def killed_at_random(program):
    """A rank for each model, and all for one after the other."""
    kills, stories, paths = 0, 0, []
    for teams, second in ("auto", ADVERSARIAL), (2, NOISY):
        text = grid(training_images=OPTIONS.images, epochs=OPTIONS.epochs, second=second,
                    more=f"run: {{checkpoint_minutes: 0.001, ranks_per_model: {teams}}}\n")
        path, want = program.write(f"{teams}.yaml", text), program.path(f"want-{teams}")
        seconds = 0.8 * program.run("run", path, "-o", want, "-t", 1, ranks=2).seconds
        paths.append((path, want))
    while kills < OPTIONS.kills:
        path, want = paths[stories % 2]
        story = Story(program, path, stories)
        most = min(KILLS, OPTIONS.kills - kills)
        while story.kills < most and not story.attempt(seconds):
            pass
        program.run("run", path, "-o", story.folder, "-t", 1, ranks=RANDOM.choice([1, 2, 3]))
        check_journal(story.folder, story.records, True)
        story.check_end(want)
        kills, stories = kills + story.kills, stories + 1
        print(f"        {kills} kills, {stories} jobs, {len(recorded(story.folder, EPOCH))} epochs "
              f"recorded of the {2 * OPTIONS.epochs} of the last", flush=True)


def checkpoint_waits_for_the_journal(program):
    """Rank 0 stands still while rank 1 ends an epoch, and both are killed: rank 1 must not have
    left a checkpoint behind an epoch that is not in the journal."""
    text = grid(training_images=400, epochs=6, images=10)
    path, out = program.write("job.yaml", text), program.path("out")
    process = program.start("run", path, "-o", out, "-t", 1, ranks=2)
    wait_until(program, process, lambda: recorded(out, EPOCH), "epoch")
    os.kill(processes(process)[0], signal.SIGSTOP)
    time.sleep(2)
    kill_ranks(process, 2)
    check(program.wait(process).code != 0, "a run that was killed says that it is done")
    program.run("run", path, "-o", out, "-t", 1, ranks=2)
    check_same_as_alone(program, text, out)


sys.argv = [sys.argv[0], OPTIONS.binary]
main([killed_at_random, checkpoint_waits_for_the_journal])
