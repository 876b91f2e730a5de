"""The end of what a test started: processes that come from it, wherever they went, and its folder.
A slurmstepd leaves the slurmd that started it, so that a list of what was started is not enough."""
import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time

LIBC = ctypes.CDLL(None, use_errno=True)
DEATH_SIGNAL, SUBREAPER = 1, 36  # of prctl


def die_with_parent(number=signal.SIGKILL):
    LIBC.prctl(DEATH_SIGNAL, number)


def parents():
    """{process: its parent}, of all that are there."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                found[int(name)] = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            pass  # it has just ended
    return found


def descendants(ancestors):
    """All that come from these processes, the processes themselves left out."""
    tree, found, level = parents(), set(), set(ancestors)
    while level:
        level = {child for child, parent in tree.items() if parent in level} - found
        found |= level
    return found


def kill_all(processes):
    for process in processes:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def end_all(folder):
    """Kills what has come from this process and from those that fell to it, and removes the folder.
    """
    end = time.monotonic() + 10
    while descendants([os.getpid()]) and time.monotonic() < end:
        kill_all(descendants([os.getpid()]))
        time.sleep(0.05)
        reap()
    shutil.rmtree(folder, ignore_errors=True)


def guard():
    """From here on the test is a child of this process, which ends all that the test leaves behind,
    however that ends, and then as the test did; should this one be killed, the test ends all. What
    loses its parent, as a slurmstepd does, falls to them. Returns, in the test, the path of a
    folder."""
    base = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="advgrid-slurm-", dir=base if len(base) < 40 else "/tmp")
    sys.stdout.flush()
    LIBC.prctl(SUBREAPER, 1)
    test = os.fork()
    if test == 0:
        def leave(*_):
            end_all(folder)
            os._exit(1)

        LIBC.prctl(SUBREAPER, 1)
        signal.signal(signal.SIGTERM, leave)
        die_with_parent(signal.SIGTERM)
        return folder
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        signal.signal(number, lambda *_: kill_all([test]))
    code = os.waitstatus_to_exitcode(os.waitpid(test, 0)[1])
    end_all(folder)
    os._exit(code if code >= 0 else 1)
