#!/usr/bin/env python3
"""check_wrong_input.py ADVGRID: wrong job files, damaged data and folders that cannot be written
give one line on stderr, alone and under mpirun, and leave nothing behind."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import check, job, main

REST = "attacks: [{kind: fgsm}]\nepsilons: [0]\n"
WRONG_JOBS = [
    ("bad YAML", "name: [a\n", "this is no YAML"),
    ("an empty file", "", "the job is empty"),
    ("no text", b"\x89HDF\r\n\x1a\n\0\0\0", "expected"),
    ("unknown key", REST + "trainning: {epochs: 1}\n", "did you mean 'training'?"),
    ("negative epsilon", "attacks: [{kind: fgsm}]\nepsilons: [-0.1]\n", "-0.1"),
    ("a zero denominator", "attacks: [{kind: fgsm}]\nepsilons: [8/0]\n", "8/0"),
    ("epsilon of 8", "attacks: [{kind: fgsm}]\nepsilons: [8]\n", "the scale of the pixels"),
    ("duplicate names", "attacks: [{kind: fgsm}, {kind: fgsm}]\nepsilons: [0]\n", "fgsm"),
    ("unknown attack", "attacks: [{kind: pdg}]\nepsilons: [0]\n", "did you mean 'pgd'?"),
    ("zero images", REST + "evaluation: {images: 0}\n", "images"),
    ("too many images", REST + "evaluation: {images: 3000}\n", "images"),
    ("all images for validation",
     REST + "dataset: {kind: synthetic, training_images: 100, validation_images: 100}\n",
     "validation_images"),
    ("unknown layer", REST + "defenses: [{kind: gaussian-noise, after: cnov1}]\n",
     "did you mean 'conv1'?"),
    ("several steps of FGSM",
     REST + "defenses: [{kind: adversarial-training, attack: fgsm, steps: 3}]\n", "'steps' is 3"),
    ("restarts that are alike", REST + "defenses: [{kind: adversarial-training, restarts: 2, "
     "random_start: false}]\n", "'restarts' is 2"),
    ("a share of 2", REST + "defenses: [{kind: adversarial-training, mix: 2}]\n", "'mix' is 2"),
    ("nothing to choose the best by", REST + "defenses: [{kind: adversarial-training}]\n"
     "dataset: {kind: synthetic, training_images: 100, validation_images: 0}\n",
     "'keep' is best"),
    ("a certificate without noise", "attacks:\n- {kind: certify}\nepsilons: [0]\n",
     "wrong.yaml:2: attack 'certify' certifies networks with noise on the pixels"),
    ("a certificate of no draws", REST.replace("fgsm", "certify, n: 0"), "'n' is 0"),
    ("unknown instructions", REST + "kernels: {instructions: avx51}\n", "did you mean 'avx512'?"),
    ("a name that leaves the folder", REST + "defenses: [{kind: none, name: ../../x}]\n",
     "../../x"),
]


def check_refused(program, result, expected, what):
    check(result.code == 2, f"{what}: expected exit code 2\n{result}")
    check(expected in result.err, f"{what}: expected '{expected}'\n{result}")
    check(len(result.messages()) == 1, f"{what}: expected one message\n{result}")
    check(result.messages()[0].startswith("advgrid: "), f"{what}\n{result}")
    check(result.out == "", f"{what}\n{result}")
    check(not os.path.exists(program.path("out")), f"{what}: a folder was created")


def wrong_jobs_are_refused(program):
    for what, text, expected in WRONG_JOBS:
        path = program.write("wrong.yaml", text)
        alone = program.run("run", path, "-o", "out", code=None)
        check_refused(program, alone, expected, what)
        check(len(alone.err.splitlines()) == 1, f"{what}: one line\n{alone}")
        planned = program.run("plan", path, code=None)
        check_refused(program, planned, expected, f"{what}, plan")


def wrong_jobs_are_told_once_by_two_ranks(program):
    for what, text, expected in WRONG_JOBS:
        if what not in ("bad YAML", "unknown key", "too many images", "unknown layer",
                        "all images for validation"):
            continue
        path = program.write("wrong.yaml", text)
        check_refused(program, program.run("run", path, "-o", "out", ranks=2, code=None), expected,
                      f"{what}, two ranks")


def missing_files_are_named(program):
    for ranks, names in (0, ("nowhere.yaml", ".")), (2, ("nowhere.yaml",)):
        for name in names:
            result = program.run("run", name, "-o", "out", ranks=ranks, code=None)
            check(result.code in (1, 2), f"{result}")
            check(len(result.messages()) == 1 and name in result.messages()[0], f"{result}")
            check(not os.path.exists(program.path("out")), "a folder was created")


def folders_that_cannot_be_written(program):
    program.write("file", "text")
    path = program.write("job.yaml", job())
    for ranks, places in (0, ("file", "file/out", "/proc/advgrid")), (2, ("file/out",)):
        for out in places:
            result = program.run("run", path, "-o", out, ranks=ranks, code=1)
            check(len(result.messages()) == 1 and out in result.messages()[0], f"{result}")
    check(open(program.path("file"), encoding="ascii").read() == "text", "the file was changed")


def damaged_journal_is_named(program):
    path = program.write("job.yaml", job())
    os.mkdir(program.path("out"))
    program.write("out/journal", "this is not a journal of advgrid at all\n")
    for ranks in 0, 2:
        result = program.run("run", path, "-o", "out", ranks=ranks, code=1)
        check(len(result.messages()) == 1 and "out/journal" in result.messages()[0], f"{result}")
    size = os.path.getsize(program.path("out/journal"))
    check(size == 40, "what is no journal was overwritten")


# ---- CIFAR-10 ----------------------------------------------------------------------------------

FULL = 30730000
FILES = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]


def fake_cifar10(program, name, sizes=None, label=None):
    """Black images, sparse on disk; sizes: of files that are not whole; label: file and value of
    record 5."""
    os.makedirs(program.path(name))
    for file in FILES:
        with open(program.path(name, file), "wb") as handle:
            handle.truncate((sizes or {}).get(file, FULL))
            if label and label[0] == file:
                handle.seek(5 * 3073)
                handle.write(bytes([label[1]]))
    return name


def folder_without_cifar10(program):
    path = program.write("job.yaml", job())
    os.mkdir(program.path("empty"))
    for ranks, folders in (0, ("empty", "nowhere", "job.yaml")), (2, ("empty",)):
        for folder in folders:
            result = program.run("run", path, "-d", folder, "-o", "out", ranks=ranks, code=None)
            check_refused(program, result, folder, f"-d {folder}")


def damaged_cifar10_is_named(program):
    path = program.write("job.yaml", job(training_images=50000))
    truncated = fake_cifar10(program, "truncated", sizes={"data_batch_3.bin": 3073 * 10})
    odd = fake_cifar10(program, "odd", sizes={"data_batch_1.bin": FULL + 1})
    empty = fake_cifar10(program, "void", sizes={"test_batch.bin": 0})
    wrong = fake_cifar10(program, "wrong", label=("data_batch_2.bin", 11))
    for folder, expected in ((truncated, "data_batch_3.bin"), (odd, "data_batch_1.bin"),
                             (empty, "test_batch.bin"), (wrong, "data_batch_2.bin")):
        for ranks in (0, 2) if folder == wrong else (0,):
            result = program.run("run", path, "-d", folder, "-o", "out", ranks=ranks, code=None)
            check_refused(program, result, expected, folder)
    result = program.run("run", path, "-d", wrong, "-o", "out", code=None)
    check("11" in result.err and "5" in result.err, f"label and record\n{result}")


def more_images_than_cifar10_has(program):
    """A job for the synthetic images that `-d` makes wrong: found on every rank, told by one."""
    path = program.write("job.yaml", job(training_images=60000))
    folder = fake_cifar10(program, "black")
    for ranks in 0, 2:
        result = program.run("run", path, "-d", folder, "-o", "out", ranks=ranks, code=None)
        check_refused(program, result, "60000", f"too many images on {ranks} ranks")


def cifar10_without_a_place(program):
    text = job().replace("kind: synthetic", "kind: cifar10")
    path = program.write("job.yaml", text)
    result = program.run("run", path, "-o", "out", code=None)
    check_refused(program, result, "ADVGRID_CIFAR10", "no place of the data")


main([wrong_jobs_are_refused, wrong_jobs_are_told_once_by_two_ranks, missing_files_are_named,
      folders_that_cannot_be_written, damaged_journal_is_named, folder_without_cifar10,
      damaged_cifar10_is_named, more_images_than_cifar10_has, cifar10_without_a_place])
