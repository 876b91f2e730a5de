#!/usr/bin/env python3
"""check_resume.py ADVGRID: a run that is repeated does nothing again, one that was killed goes on
where it was, and an edited job keeps every unit that the edit does not touch."""
import os
import shutil
import signal
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (EPOCH, MODEL, RANKS, RUN, check, check_same_samples, job, journal, main,
                            processes, recorded, require, rows, samples, units, wait_until)

require("h5py")

ATTACKS = "[{kind: fgsm}, {kind: pgd, steps: 20, restarts: 2}]"


def models(folder):
    return recorded(folder, MODEL)


def again_does_nothing(program):
    path, out = program.write("job.yaml", job()), program.path("out")
    program.run("run", path, "-o", out, ranks=2)
    before, first, table = journal(out), samples(out), rows(out)
    program.run("run", path, "-o", out, ranks=3)
    after = journal(out)
    check(len(units(out)) == 18, f"{len(units(out))} units")
    check([kind for kind, _, _ in after[len(before):]] == [RUN, RANKS],
          "the journal grew by more than the start and the end of a run")
    check(after[:len(before)] == before, "the journal's first records changed")
    check_same_samples(samples(out), first, "run again")
    check(rows(out) == table, "the table changed")
    status = program.run("status", out).out
    check("18 of 18 done" in status and "100.0 %" in status, status)


def killed_and_continued(program):
    path = program.write("job.yaml", job(attacks=ATTACKS, block=16, images=320))
    whole = program.path("whole")
    program.run("run", path, "-o", whole, "-t", 1, ranks=1)
    want = samples(whole)
    every = len(units(whole))
    check(every == 120, f"{every} units")
    out = program.path("out")
    for count in 10, 50:  # killed twice
        process = program.start("run", path, "-o", out, "-t", "1")
        wait_until(program, process, lambda: len(units(out)) >= count, f"{count} units")
        program.kill(process)
        done = len(units(out))
        check(count <= done < every, f"{done} units at the kill: too late to learn anything")
        status = program.run("status", out).out
        check(f"{done} of {every} done" in status, status)
    program.run("run", path, "-o", out, "-t", 1, ranks=2)
    keys = units(out)
    check(len(keys) == len(set(keys)) == every, f"{len(keys)} units, {len(set(keys))} different")
    check(len(models(out)) == 1, "the model was trained again")
    check(len(rows(out)) == 6, "rows")
    check_same_samples(samples(out), want, "killed and continued")


def a_rank_that_dies_loses_its_unit_alone(program):
    path, out = program.write("job.yaml", job(attacks=ATTACKS, block=16, images=320)), "out"
    process = program.start("run", path, "-o", out, "-t", "1", ranks=2)
    wait_until(program, process, lambda: len(units(program.path(out))) >= 10, "10 units")
    os.kill(processes(process)[1], signal.SIGKILL)
    check(program.wait(process).code != 0, "a run that lost a rank says that it is done")
    done = len(units(program.path(out)))
    program.run("run", path, "-o", out, ranks=3)
    keys = units(program.path(out))
    check(10 <= done < len(keys) == len(set(keys)) == 120, f"{done}, then {len(keys)} units")


def one_run_at_a_time(program):
    path, out = program.write("job.yaml", job(epochs=30)), program.path("out")
    process = program.start("run", path, "-o", out, "-t", "1")
    wait_until(program, process, lambda: os.path.exists(os.path.join(out, "job.yaml")), "job.yaml")
    result = program.run("run", path, "-o", out, code=1)
    check(len(result.messages()) == 1 and "another advgrid" in result.err, f"{result}")
    check(f"process {process.pid} on {socket.gethostname()}, since 2" in result.err, f"{result}")
    program.kill(process)
    lock = program.path(out, "lock")
    check(os.path.exists(lock), "a run that was killed took its lock with it")
    result = program.run("run", program.write("job.yaml", job(epochs=1)), "-o", out)
    check(f"left behind by process {process.pid}" in result.err, f"{result}")
    check(not os.path.exists(lock), "a run that is done left its lock")


def killed_in_training(program):
    """Nothing of a model that was cut off counts, and no part of a file lies in its place."""
    path, out = program.write("job.yaml", job(epochs=40)), program.path("out")
    process = program.start("run", path, "-o", out, "-t", "1")
    wait_until(program, process, lambda: len(recorded(out, EPOCH)) >= 2, "two epochs")
    program.kill(process)
    check(models(out) == [] and units(out) == [], "records of what was not done")
    check(os.listdir(os.path.join(out, "models")) == [], "a model file before its time")
    check("0 of 1 done" in program.run("status", out).out, "status")


def torn_record_is_left_out(program):
    path, out = program.write("job.yaml", job()), program.path("out")
    program.run("run", path, "-o", out, ranks=1)
    want = samples(out)
    kind, _, payload = journal(out)[-1]
    check(kind == RANKS, "the record of a run's end")
    with open(os.path.join(out, "journal"), "r+b") as file:
        file.truncate(os.path.getsize(file.name) - (64 + len(payload)) - 5)
    check(len(units(out)) == 17, "the last unit should be torn")
    program.run("run", path, "-o", out, ranks=2)
    keys = units(out)
    check(len(keys) == len(set(keys)) == 18, "units after a torn record")
    check_same_samples(samples(out), want, "after a torn record")


def an_epsilon_more(program):
    out = program.path("out")
    program.run("run", program.write("job.yaml", job(epsilons="[0, 2/255]")), "-o", out, ranks=2)
    before, first = units(out), samples(out)
    result = program.run("run", program.write("job.yaml", job(name="renamed",
                                                              epsilons="[8/255, 0, 2/255]")),
                         "-o", out, ranks=2)
    check(result.messages() == ["advgrid: 2 points are new"], f"{result}")
    after = units(out)
    check(after[:len(before)] == before, "the units done were kept")
    check(len(after) == len(set(after)) == len(before) + 6, f"{len(after)} units")
    check(len(models(out)) == 1, "the model was trained again")
    second = samples(out)
    check(len(second) == 6, "points")
    check_same_samples({place: second[place] for place in first}, first, "an epsilon more")


def other_training_is_another_model(program):
    out = program.path("out")
    program.run("run", program.write("job.yaml", job(epochs=1)), "-o", out, ranks=1)
    result = program.run("run", program.write("job.yaml", job(epochs=2)), "-o", out, ranks=1)
    told = ("advgrid: training.epochs was 1 and is 2: 'none' is trained again; 6 finished points of "
            "it are done again")
    check(result.messages() == [told], f"{result}")
    check(len(models(out)) == 2, "models")
    check(len(units(out)) == 36, "units")
    check(len(rows(out)) == 6, "rows of what the job no longer asks for")


def an_edit_is_told(program):
    """What an edit alters, adds and drops, once: the job as it is now is what the next edit meets."""
    out = program.path("out")
    program.run("run", program.write("job.yaml", job()), "-o", out, ranks=1)
    edited = program.write("job.yaml", job(attacks="[{kind: fgsm}, {kind: pgd, steps: 6}]",
                                           epsilons="[0, 2/255, 4/255]"))
    result = program.run("run", edited, "-o", out, ranks=2)
    check(result.messages() == [
        "advgrid: attack 'pgd': steps was 5 and is 6: 2 finished points are done again",
        "advgrid: 2 points are new",
        "advgrid: 2 finished points are no longer asked for; their records stay"], f"{result}")
    check(program.run("run", edited, "-o", out, ranks=1).messages() == [], "told again")
    check(program.run("run", program.write("job.yaml", job()), "-o", out).messages() ==
          ["advgrid: 2 finished points are no longer asked for; their records stay"], "and back")
    check(len(units(out)) == 18 + 12, f"{len(units(out))} units")
    shutil.rmtree(os.path.join(out, "models"))
    with open(os.path.join(out, "job.yaml"), "w", encoding="utf-8") as file:
        file.write("no: job\n")
    result = program.run("run", program.path("job.yaml"), "-o", out)
    check("how cannot be told" in result.err and "job.yaml:1" in result.err, f"{result}")


def clean_counts(folder):
    """By model, the different counts of correct images: one, if all its rows are of one network."""
    counts = {}
    for row in rows(folder):
        counts.setdefault((row["defense"], row["seed"]), set()).add(row["clean_correct"])
    return counts


def a_row_is_of_one_network(program):
    """Edited to and fro, under swapped names, retrained by other ranks: no row mixes networks."""
    out, fresh = program.path("out"), program.path("fresh")
    short, long = dict(epochs=1, epsilons="[0]"), dict(epochs=6, epsilons="[0]")
    program.run("run", program.write("a.yaml", job(**short)), "-o", out, ranks=1)
    program.run("run", program.write("b.yaml", job(**long)), "-o", out, ranks=1)
    more = program.write("c.yaml", job(epochs=1, epsilons="[0, 4/255]"))
    program.run("run", more, "-o", out, ranks=1)
    program.run("run", more, "-o", fresh, ranks=1)
    check(clean_counts(out) == clean_counts(fresh), f"{clean_counts(out)}, {clean_counts(fresh)}")
    check_same_samples(samples(out), samples(fresh), "edited to and fro")

    noise = "{{kind: gaussian-noise, name: {}, sigma: 0.3, draws: 2}}"
    plain = "{{kind: none, name: {}}}"
    swapped = program.path("swapped")
    for names, epsilons in (("ab", "[0]"), ("ba", "[0, 4/255]")):
        text = job(epsilons=epsilons, defenses=f"[{plain.format(names[0])}, {noise.format(names[1])}]")
        program.run("run", program.write("s.yaml", text), "-o", swapped, ranks=1)
    check(all(len(counts) == 1 for counts in clean_counts(swapped).values()),
          f"{clean_counts(swapped)}")

    os.remove(os.path.join(fresh, "models", "none.h5"))
    program.run("run", program.write("d.yaml", job(epochs=1, epsilons="[0, 4/255, 8/255]")),
                "-o", fresh, ranks=3)
    check(all(len(counts) == 1 for counts in clean_counts(fresh).values()),
          f"{clean_counts(fresh)}")


main([again_does_nothing, a_row_is_of_one_network, killed_and_continued, killed_in_training,
      a_rank_that_dies_loses_its_unit_alone, one_run_at_a_time, torn_record_is_left_out,
      an_epsilon_more, other_training_is_another_model, an_edit_is_told])
