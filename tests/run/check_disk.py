#!/usr/bin/env python3
"""check_disk.py ADVGRID: a results folder that is full, or can no longer be written, in the middle
of a run: the run says so and ends, nothing recorded is lost, and with room again it goes on.
The full disk is a small tmpfs; where mounting is not permitted that part is skipped, and with no
part left the test (exit code 77)."""
import errno
import os
import pwd
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (EPOCH, UNIT, check, check_same_as_alone, grid, journal, main, processes,
                            recorded, require, units, wait_until)

require("h5py")

TRAINING = grid(training_images=300, epochs=16, images=20)
ATTACKS = grid(steps=60)


def mount(folder):
    """A file system of eight MiB, with room for the pictures that attacks bring home; False where this
    may not be."""
    os.mkdir(folder)
    return subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0


def fill(path):
    """Takes all the room that is left."""
    with open(path, "ab", buffering=0) as file:
        for size in 65536, 4096, 1:
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError as error:
                check(error.errno == errno.ENOSPC, f"{error}")


def stop_all(process, number):
    for pid in processes(process).values():
        os.kill(pid, number)


def check_end(program, process, out, before, expected):
    """The run ended by itself, with one message that has all the words."""
    result = program.wait(process)
    check(result.code == 1, f"{result}")
    last = result.messages()[-1]
    check(all(word in last for word in (*expected, out)), f"expected {expected}\n{result}")
    now = journal(out)
    check(now[:len(before)] == before, "records that were there are gone or changed")
    return result


def go_on(program, text, out):
    done, path = units(out), program.write("job.yaml", text)
    program.run("run", path, "-o", out, "-t", 1, ranks=3)
    check(units(out)[:len(done)] == done and len(units(out)) == len(set(units(out))), "units")
    check_same_as_alone(program, text, out)


def full_disk(program):
    """Full in training, and in attacks."""
    for kind, text in (EPOCH, TRAINING), (UNIT, ATTACKS):
        disk = program.path(f"disk-{kind}")
        if not mount(disk):
            print("        full_disk is skipped: mounting a tmpfs is not permitted")
            return
        try:
            path, out = program.write("job.yaml", text), os.path.join(disk, "out")
            process = program.start("run", path, "-o", out, "-t", 1, ranks=2)
            wait_until(program, process, lambda: recorded(out, kind), "record")
            stop_all(process, signal.SIGSTOP)
            before = journal(out)
            fill(os.path.join(disk, "filler"))
            stop_all(process, signal.SIGCONT)
            check_end(program, process, out, before, ["cannot write", "No space left on device"])
            status = program.run("status", out).out
            check(f"{len(units(out))} of " in status, status)
            check(program.run("run", path, "-o", out, ranks=2, code=1).messages()[-1]
                  .endswith("No space left on device"), "a run that begins on a full disk")
            os.remove(os.path.join(disk, "filler"))
            go_on(program, text, out)
        finally:
            subprocess.run(["umount", "-l", disk], check=True)


def give_up_root(program):
    """No folder is read-only for root. False where nobody else can run the program."""
    if os.geteuid() != 0:
        return True
    program.user = pwd.getpwnam("nobody").pw_uid
    os.chown(program.folder, program.user, -1)
    try:
        return program.run("--version", code=None).code == 0
    except PermissionError:
        return False


def read_only_folder(program):
    """The journal, which is open, can still be written; files can neither be made nor removed."""
    if not give_up_root(program):
        print("        read_only_folder is skipped: only root can run the program")
        return
    for kind, text in (EPOCH, TRAINING), (UNIT, ATTACKS):
        path, out = program.write("job.yaml", text), program.path(f"out-{kind}")
        process = program.start("run", path, "-o", out, "-t", 1, ranks=2)
        wait_until(program, process, lambda: recorded(out, kind), "record")
        stop_all(process, signal.SIGSTOP)
        before = journal(out)
        folders = [out, *(entry.path for entry in os.scandir(out) if entry.is_dir())]
        for folder in folders:
            os.chmod(folder, 0o555)
        stop_all(process, signal.SIGCONT)
        check_end(program, process, out, before, ["cannot write", "Permission denied"])
        result = program.run("run", path, "-o", out, ranks=2, code=1)
        check("Permission denied" in result.messages()[-1], f"{result}")
        for folder in folders:
            os.chmod(folder, 0o755)
        go_on(program, text, out)


main([full_disk, read_only_folder])
