#!/usr/bin/env python3
"""check_status.py ADVGRID SOURCE: `advgrid status` of a job while it runs, from another process:
once, watched by a pipe and on a terminal; of one that was killed, one with failures, one of 500
points; what a script reads of it; and that whatever lies in DIR/progress harms nobody."""
import json
import os
import pty
import re
import select
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import (NOISY, TIMEOUT, check, job, main, units,  # noqa: E402
                            wait_until)

def two_models(steps=20, images=120):
    """Units enough that a process beside it sees each kind of work going on."""
    return job(epochs=4, defenses=f"[{{kind: none}}, {NOISY}]", images=images, block=images // 6,
               attacks=f"[{{kind: fgsm}}, {{kind: pgd, steps: {steps}}}]")


MODELS, ATTACKS, UNITS = ["none", "noisy"], ["fgsm", "pgd"], 2 * 2 * 3 * 6
RANK = {"rank", "host", "task", "model", "attack", "epsilon", "first_image", "images", "seconds"}


def constant(name):
    raise ValueError(f"{name} is no JSON")


def parse(text):
    """One object on one line."""
    check(text.count("\n") == 1 and text.endswith("}\n"), f"not one line: {text}")
    return json.loads(text, parse_constant=constant)


def status(program, folder="out"):
    return parse(program.run("status", folder, "--json").out)


def check_object(found, folder):
    """What holds at any time."""
    check(found["schema_version"] == 1 and found["folder"] == folder, f"{found}")
    check(found["job"] == "tiny" and 0 <= found["share"] <= 1, f"{found}")
    check([model["name"] for model in found["models"]] == MODELS, f"{found['models']}")
    check([attack["name"] for attack in found["attacks"]] == ATTACKS, f"{found['attacks']}")
    totals = found["totals"]
    check(totals["models"]["all"] == 2 and totals["units"]["all"] == UNITS, f"{totals}")
    for rows in found["models"], found["attacks"]:
        check(sum(row["units"] for row in rows) == UNITS, f"{rows}")
        check(sum(row["units_done"] for row in rows) == totals["units"]["done"], f"{rows}")
    check(sum(model["state"] == "done" for model in found["models"]) == totals["models"]["done"],
          f"{found['models']}")
    for rank in found["ranks"]:
        check(set(rank) == RANK, f"{rank}")
        check((rank["model"] in MODELS) == (rank["task"] != "waiting"), f"{rank}")
        check((rank["attack"] in ATTACKS) == (rank["task"] == "attacking"), f"{rank}")
    check((found["pace"] is None) == (found["state"] != "running"), f"{found}")


def a_run_is_seen_from_elsewhere(program):
    """While it trains, while it attacks, and at its end; nothing else than the run touches files."""
    path, seen = program.write("job.yaml", two_models()), []
    process = program.start("run", path, "-o", "out", "-t", 1, ranks=2)
    wait_until(program, process, lambda: os.path.exists(program.path("out", "progress")), "progress")

    def looked(task):
        found = status(program)
        check_object(found, "out")
        seen.append(found)
        return task in {rank["task"] for rank in found["ranks"]}

    wait_until(program, process, lambda: looked("training"), "training")
    check(seen[-1]["state"] == "running" and len(seen[-1]["ranks"]) == 2, f"{seen[-1]}")
    training = [model for model in seen[-1]["models"] if model["state"] == "training"]
    check(training and all(model["ranks"] > 0 for model in training), f"{seen[-1]}")
    wait_until(program, process, lambda: looked("attacking"), "attacks")
    wait_until(program, process, lambda: units(program.path("out")), "unit")
    screen = program.run("status", "out").out
    check("\nrunning  " in screen and "\nranks         2: " in screen, screen)
    check(program.wait(process).code == 0, "the run")
    check(not os.path.exists(program.path("out", "progress")), "what is left of the run")
    last = status(program)
    check_object(last, "out")
    check(last["state"] == "done" and last["share"] == 1, f"{last}")
    check(last["totals"]["units"] == {"all": UNITS, "done": UNITS, "failed": 0}, f"{last}")
    check(len(last["gates"]) == 9, f"{last['gates']}")
    shares = [found["share"] for found in (*seen, last)]
    check(shares == sorted(shares), f"{shares}")
    paces = [found["pace"] for found in seen if found["pace"]["seconds_left"] is not None]
    check(paces and all(0 <= pace["seconds_left_low"] <= pace["seconds_left"] <=
                        pace["seconds_left_high"] for pace in paces), f"{paces}")


def a_watcher_sees_it_through(program):
    """By pipes, as text and as JSON, from before the first unit to the end of the job; and killed
    watchers leave the run alone."""
    path = program.write("job.yaml", two_models(steps=10, images=48))
    process = program.start("run", path, "-o", "out", "-t", 1)
    wait_until(program, process, lambda: os.path.exists(program.path("out", "job.yaml")), "job")
    watchers = [program.start("status", "out", "--watch", *options)
                for options in ((), ("--json",), ())]
    program.kill(watchers.pop())
    check(program.wait(process).code == 0, "the run")
    text, objects = (program.wait(watcher, timeout=30) for watcher in watchers)
    lines = text.out.splitlines()
    check(text.code == 0 and len(lines) > 1 and len(set(lines)) == len(lines), f"{text}")
    check(all(re.match(r"\d{4}-\d\d-\d\dT[\d:]{8}Z +\d+\.\d %  models ", line) for line in lines),
          text.out)
    check(lines[-1].endswith(f"units    {UNITS:6} of {UNITS} done  done     nothing is left to do"),
          text.out)
    found = [parse(line) for line in objects.out.splitlines(keepends=True)]
    check(len(found) > 1 and found[-1]["state"] == "done", f"{objects}")


def terminal(program, *arguments, until, locale="C.UTF-8"):
    """What a terminal shows of a command until it ends or until(text) holds; then it is told to
    end, as by Ctrl-C."""
    child, descriptor = pty.fork()
    if child == 0:
        os.chdir(program.folder)
        os.execve(program.binary, [program.binary, *map(str, arguments)],
                  {**program.environment, "LC_ALL": locale})
    shown, end = b"", time.monotonic() + TIMEOUT
    while time.monotonic() < end and not until(shown.decode(errors="replace")):
        if not select.select([descriptor], [], [], 0.5)[0]:
            continue
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # its other side is closed
            break
        shown += data
    os.write(descriptor, b"\x03")
    os.waitpid(child, 0)
    os.close(descriptor)
    return shown.decode()


def a_terminal_is_redrawn(program):
    path = program.write("job.yaml", two_models())
    process = program.start("run", path, "-o", "out", "-t", 1)
    wait_until(program, process, lambda: os.path.exists(program.path("out", "progress")), "progress")
    shown = terminal(program, "status", "out", "--watch",
                     until=lambda text: text.count("\033[H") > 2)
    check(shown.count("\033[2J") == 1 and "\u2591" in shown, shown)
    for screen in shown.split("\033[H")[1:-1]:
        lines = screen.replace("\033[2J", "").split("\r\n")
        check(len(lines) <= 24 and all(line.endswith("\033[K") for line in lines[:-1]), screen)
        check(lines[-1] == "\033[J", screen)
        check(all(len(line[:-3]) <= 80 for line in lines), screen)
    letters = terminal(program, "status", "out", until=lambda text: "units" in text, locale="C")
    check(re.search(r"\[#*\.+\]", letters) and letters.isascii(), letters)
    check(process.poll() is None, "the run ended before the test")
    program.kill(process)


def a_run_on_a_terminal_draws_bars(program):
    """Below the lines that stay, each of which stands alone."""
    path = program.write("job.yaml", two_models())
    shown = terminal(program, "run", path, "-o", "out", "-t", 1,
                     until=lambda text: "epoch 3 of 4" in text.split("rank 0")[-1])
    bars = [part for part in re.split(r"\033\[A\r", shown) if "\033[K\r\nrank 0  " in part]
    check(len(bars) > 1 and all(re.search(r"job     \S+ +\d+\.\d %  ", part) for part in bars), shown)
    check(any("training none, epoch " in part for part in bars), shown)
    stay = re.findall(r"\r\033\[J(none  epoch [^\r\n]*)\r\n", shown)
    check(len(stay) >= 2 and all(re.fullmatch(r"none  epoch \d of 4  loss .* s", line)
                                 for line in stay), f"{stay}\n{shown}")
    check(shown.count("none  epoch 2 of 4") == 1, shown)


def killed_runs_are_told(program):
    """Rank 0's last word, too old; then the word of a run that is not the last."""
    path = program.write("job.yaml", two_models(images=48))
    process = program.start("run", path, "-o", "out", "-t", 1)
    wait_until(program, process, lambda: len(units(program.path("out"))) > 1, "units")
    program.kill(process)
    progress = program.path("out", "progress")
    with open(progress, encoding="ascii") as file:
        text = file.read()
    check(status(program)["state"] == "running", "a minute has not passed")
    old = re.sub(r"written \d+", f"written {int(time.time()) - 200}", text)
    program.write("out/progress", old)
    found = status(program)
    check(found["state"] == "silent" and found["ranks"] == [] and found["pace"] is None, f"{found}")
    check_object(found, "out")
    check("silent   no sign of life for 3 min 2" in program.run("status", "out").out, "silent")
    program.write("out/progress", text.replace("run 1", "run 7"))
    check(status(program)["state"] == "stopped", "another run's progress")
    os.remove(progress)
    check(status(program)["state"] == "stopped", "without progress")


def nothing_in_progress_harms(program):
    """The file is anyone's who can write to the folder."""
    path = program.write("job.yaml", job(epochs=1, epsilons="[0]", attacks="[{kind: fgsm}]"))
    program.run("run", path, "-o", "out")
    head = f"advgrid-progress 1\nrun 1\nwritten {int(time.time())}\nelapsed 1\nshare 0.5\n" \
           "images_per_second 1e300\nleft 1 1e308 0 1e308\nmodels 0\n"
    key = "0" * 64
    rank = f"rank attacking {key} 18446744073709551615 18446744073709551615 -1e300 \033[2J\"\\\n"
    for text in (head + "ranks 1\n" + rank + "end\n", head + "ranks 1\n", "", "\0" * 1000,
                 head.replace("models 0", "models 99999999999") + "ranks 0\nend\n",
                 head + "ranks 1\nrank training " + "f" * 64 + " 0 0 1 " + "h" * 300 + "\nend\n",
                 head + f"ranks 1\nrank training {key} 1 1 1 \xff\xfe\nend\n"):
        program.write("out/progress", text.encode("latin-1"))
        found = status(program)
        check(found["totals"]["units"]["done"] == 3, f"{text!r}: {found}")
        screen = program.run("status", "out").out
        check("\033" not in screen and "3 of 3 done" in screen, f"{text!r}: {screen}")
    os.remove(program.path("out", "progress"))
    os.mkdir(program.path("out", "progress"))
    check(status(program)["state"] == "done", "a folder of that name")
    program.run("run", path, "-o", "out")  # whose progress cannot be written


def five_hundred_points_fit_a_screen(program):
    """Killed at some time: 500 points, 10 models of which some failed, and not all of it done."""
    epsilons = ", ".join(f"{i}/2550" for i in range(10))
    names = ", ".join(f"{{kind: gaussian-noise, name: noise-{i}, sigma: 0.{i + 1:02}}}"
                      for i in range(10))
    attacks = ", ".join(f"{{kind: pgd, name: steps-{i}, steps: {i}}}" for i in range(1, 6))
    path = program.write("job.yaml", job(
        name="many", training_images=110, epochs=1, images=8, block=8, defenses=f"[{names}]",
        attacks=f"[{attacks}]", epsilons=f"[{epsilons}]"))
    process = program.start("run", path, "-o", "out", "-t", 1, ranks=2)
    wait_until(program, process, lambda: len(units(program.path("out"))) > 30, "units")
    screen = program.run("status", "out").out
    program.kill(process)
    lines = screen.splitlines()
    check(len(lines) == 23 and all(len(line) <= 80 for line in lines), screen)
    check(len(re.findall(r"^  \.\.\. and \d+ more$", screen, re.M)) >= 1, screen)
    whole = program.run("status", "out", "--all").out
    check(whole.count("\n  noise-") == 10 and whole.count("\n  steps-") == 5, whole)
    program.environment["LINES"] = "60"
    check(" more\n" not in program.run("status", "out").out, "LINES")
    found = status(program)
    check(len(found["models"]) == 10 and found["totals"]["units"]["all"] == 500, f"{found}")


main([a_run_is_seen_from_elsewhere, a_watcher_sees_it_through, a_terminal_is_redrawn,
      a_run_on_a_terminal_draws_bars, killed_runs_are_told, nothing_in_progress_harms,
      five_hundred_points_fit_a_screen])
