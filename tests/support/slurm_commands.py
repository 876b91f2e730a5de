"""Slurm commands of a test's own, which record what `advgrid submit` calls them with."""
import json
import os
import stat

from support.runner import job, machine

SINFO = "debug*|4|4|1|4|infinite\nlong|100|64|2|16|14-00:00:00\nshort|2|4|1|4|00:02:00\n"
MACHINE = machine("base", "2.7e8")
RECORD = """#!/usr/bin/python3
import json, os, sys
with open(os.path.join({folder!r}, {name!r} + ".json"), "w") as file:
    json.dump({{"arguments": sys.argv[1:], "folder": os.getcwd()}}, file)
"""


def fake(program, name, body):
    """A command of that name before all others in PATH, which records what it is called with."""
    folder = program.path("bin")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(RECORD.format(folder=folder, name=name) + body)
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)


def recorded(program, name):
    """What the command was called with the last time; None: it was not."""
    path = program.path("bin", name + ".json")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def set_up(program):
    fake(program, "sinfo", f"print({SINFO!r}, end='')\n")
    fake(program, "sbatch", "print('Submitted batch job 42')\n")
    program.environment["PATH"] = program.path("bin") + ":" + os.environ["PATH"]
    program.environment["XDG_CACHE_HOME"] = program.path("cache")
    program.write("machine.yaml", MACHINE)
    return program.write("job.yaml", job())


def submit(program, *arguments, code=0):
    return program.run("submit", *arguments, "--machine", "machine.yaml", code=code)
