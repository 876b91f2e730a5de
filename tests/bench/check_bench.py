#!/usr/bin/env python3
"""check_bench.py ADVGRID: what `advgrid bench` reports is complete and agrees with itself, alone
and on two ranks, and so is what `bench --scaling` does. How fast anything is does not matter here."""
import json
import math
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from support.runner import check, main

TINY = "--model", "small", "--shard", "8", "--batch", "20", "--seconds", "0.02"
WORKS = "forward", "pgd", "train"
PHASES = "fill and augment", "forward", "loss", "backward", "sum and step"
LAYERS = "normalize conv1 conv2 dense1".split()  # ReLU and pooling are in the convolutions
FLOPS = {"forward": 1052672, "pgd": 2105344, "train": 2715648}  # of `small`, by hand


def close(a, b):
    return math.isclose(a, b, rel_tol=1e-6)


def check_report(report, threads, ranks):
    for name in "advgrid_version", "git_commit", "cpu", "blas":
        check(isinstance(report[name], str) and report[name], f"{name}\n{report}")
    check(report["instructions"] in ("avx512", "avx2", "baseline"), f"{report}")
    for name, expected in (("model", "small"), ("shard", 8), ("batch", 20), ("ranks", ranks)):
        check(report[name] == expected, f"{name}\n{report}")
    for name in "fma_peak_gflops", "gemm_gflops", "openblas_gflops":
        check(report[name] > 0, f"{name}\n{report}")
    check(report["floor_flops_per_image"] == FLOPS, f"{report}")
    places = [(row["work"], row["threads"]) for row in report["throughput"]]
    wanted = [(work, count) for work in WORKS for count in threads]
    check(sorted(places) == sorted(wanted), f"rows: {places}")
    for row in report["throughput"]:
        check(0 < row["least"] <= row["images_per_second"] <= row["most"], f"{row}")
        cores = 1e9 * report["fma_peak_gflops"] * row["threads"] * ranks
        fraction = row["images_per_second"] * FLOPS[row["work"]] / cores
        check(close(row["fraction_of_floor"], fraction), f"{row}, expected {fraction}")


def check_parts(report):
    phases = report["phases"]
    check([row["phase"] for row in phases] == list(PHASES), f"{phases}")
    seconds = sum(row["seconds"] for row in phases)
    for row in phases:
        # What is left of a step may be lost in noise.
        check(row["seconds"] > 0 or row["phase"] == "sum and step", f"{row}")
        check(close(row["share"], row["seconds"] / seconds), f"{row}")
    layers = report["layers"]
    check([row["layer"] for row in layers] == LAYERS, f"{layers}")
    check(close(sum(row["share"] for row in layers), 1), f"shares\n{layers}")
    for row in layers:
        learns = row["kind"] in ("convolution", "dense")
        check(row["forward_seconds"] >= 0 and row["backward_seconds"] >= 0, f"{row}")
        check(not learns or row["forward_seconds"] > 0 < row["backward_seconds"], f"{row}")
        check(("fraction_of_floor" in row) == learns, f"{row}")
        check(("kernel" in row) == (row["kind"] == "convolution"), f"{row}")
        check(row.get("fraction_of_floor", 1) > 0, f"{row}")
    for phase, column in ((1, "forward_seconds"), (3, "backward_seconds")):
        inside = sum(row[column] for row in layers)
        check(inside <= phases[phase]["seconds"] * (1 + 1e-6), f"{column}\n{layers}\n{phases}")


def json_is_complete(program):
    result = program.run("bench", "--json", "--threads", "3", *TINY)
    check(result.messages() == [], f"{result}")
    report = json.loads(result.out)
    check_report(report, (1, 2, 3), 1)
    check_parts(report)


def ranks_measure_together(program):
    result = program.run("bench", "--json", "--threads", "1", *TINY, ranks=2)
    report = json.loads(result.out)  # printed once
    check_report(report, (1,), 2)
    check_parts(report)


def other_models(program):
    """A single layer that learns, on three ranks, of which two have no shard."""
    result = program.run("bench", "--json", "--threads", "1", "--model", "linear", "--shard", "8",
                         "--batch", "8", "--seconds", "0.02", ranks=3)
    report = json.loads(result.out)
    flops = 2 * 32 * 32 * 3 * 10
    check(report["floor_flops_per_image"] == {"forward": flops, "pgd": 2 * flops,
                                              "train": 2 * flops}, f"{report}")
    check([row["layer"] for row in report["layers"]] == ["normalize", "dense1"], f"{report}")


def table_fits_a_terminal(program):
    result = program.run("bench", "--threads", "2", *TINY)
    check(result.messages() == [], f"{result}")
    check(max(map(len, result.out.splitlines())) <= 80, f"long lines\n{result}")
    for part in ("FMA peak", "GEMM", "OpenBLAS", "conv2            im2col", "ranks      1", "of floor", *PHASES, *LAYERS):
        check(part in result.out, f"the table has no '{part}'\n{result}")
    for work in WORKS:
        rows = [line.split() for line in result.out.splitlines() if line.startswith(work)]
        check([row[1] for row in rows if len(row) == 7] == ["1", "2"], f"{work}\n{result}")


def kernels_can_be_chosen(program):
    """On `base`, whose second convolution can be Winograd's; the floor does not depend on it."""
    floors = []
    for convolution in "auto", "im2col", "winograd":
        result = program.run("bench", "--json", "--model", "base", "--threads", "1", "--shard", "1",
                             "--batch", "1", "--seconds", "0.01", "--instructions", "baseline",
                             "--convolution", convolution)
        report = json.loads(result.out)
        check(report["instructions"] == "baseline", f"{report}")
        kernels = [row["kernel"] for row in report["layers"] if row["kind"] == "convolution"]
        others = "im2col" if convolution == "im2col" else "winograd"
        check(kernels == ["im2col"] + 5 * [others], f"{convolution}: {kernels}")
        floors.append(report["floor_flops_per_image"])
    check(floors[0] == floors[1] == floors[2], f"{floors}")


def unknown_words_are_named(program):
    for option, word, expected in (("--model", "bsae", "did you mean 'base'?"),
                                   ("--instructions", "avx51", "did you mean 'avx512'?"),
                                   ("--convolution", "fourier", "expected one of auto, winograd")):
        for ranks in 0, 2:
            result = program.run("bench", option, word, ranks=ranks, code=2)
            check(len(result.messages()) == 1, f"one message\n{result}")
            check(expected in result.messages()[0], f"{result}")
            check(result.out == "", f"{result}")


# ---- scaling ------------------------------------------------------------------------------

SCALING = "bench", "--scaling", "--threads", "1", *TINY[:-1], "0.05"


def check_scaling(report, ranks, teams):
    for name in "advgrid_version", "git_commit", "cpu", "instructions":
        check(isinstance(report[name], str) and report[name], f"{name}\n{report}")
    for name, expected in (("model", "small"), ("shard", 8), ("batch", 20), ("ranks", ranks),
                           ("threads", 1)):
        check(report[name] == expected, f"{name}\n{report}")
    rows = report["scaling"]
    places = [(row["training"], row["scaling"], row["ranks"], row["batch"]) for row in rows]
    wanted = [(training, kind, team, 20 * team if kind == "weak" else 20)
              for training in ("clean", "adversarial") for kind in ("strong", "weak")
              for team in teams]
    check(places == wanted, f"rows: {places}")
    alone = {}
    for row in rows:
        check(0 < row["least"] <= row["images_per_second"] <= row["most"], f"{row}")
        first = alone.setdefault((row["training"], row["scaling"]), row["images_per_second"])
        check(close(row["speedup"], row["images_per_second"] / first), f"{row}")
        check(close(row["efficiency"], row["speedup"] / row["ranks"]), f"{row}")
        step = row["step_seconds"]
        check(sorted(step) == ["computing", "exposed", "hidden", "idle"], f"{row}")
        check(step["computing"] > 0 and min(step.values()) >= 0, f"{row}")
        if row["ranks"] == 1:
            check(step["exposed"] == step["idle"] == step["hidden"] == 0, f"{row}")
        else:
            check(step["exposed"] > 0 and step["hidden"] > 0, f"{row}")
        # The means of steps, and the median of repeats: of one magnitude, however noisy.
        whole = step["computing"] + step["exposed"] + step["idle"]
        check(0.1 < whole * row["images_per_second"] / row["batch"] < 10, f"{row}")
    check(all(value > 0 for value in report["image_seconds"].values()), f"{report}")
    check(sorted(report["image_seconds"]) == ["adversarial", "forward", "gradient", "training"],
          f"{report}")


def scaling_on_two_ranks(program):
    result = program.run(*SCALING, "--json", "-o", "machine.yaml", ranks=2)
    report = json.loads(result.out)  # printed once
    check_scaling(report, 2, (1, 2))
    messages = report["messages"]
    check(messages["latency_seconds"] > 0 and messages["bytes_per_second"] > 0, f"{messages}")
    sizes = [row["bytes"] for row in messages["measured"]]
    check(sizes[0] == 16 and sizes[-1] == 4 << 20 and sizes == sorted(sizes), f"{sizes}")
    check(all(row["seconds"] > 0 for row in messages["measured"]), f"{messages}")
    # What plan reads.
    with open(program.path("machine.yaml")) as file:
        text = file.read()
    seconds = report["image_seconds"]["training"]
    found = [float(line.split()[1]) for line in text.splitlines() if "  training:" in line]
    check(len(found) == 1 and close(found[0], seconds), f"{seconds}\n{text}")
    job_path = os.path.join(sys.argv[2], "jobs", "quickstart.yaml")
    plan = program.run("plan", job_path, "--ranks", "2", "--machine", "machine.yaml")
    check("measured with small" in plan.out and "guess" not in plan.out, f"{plan}")


def scaling_on_other_ranks(program):
    """One rank, and three, of which teams of one and two leave some out."""
    report = json.loads(program.run(*SCALING, "--json").out)
    check_scaling(report, 1, (1,))
    check(report["messages"] is None, f"{report}")
    check_scaling(json.loads(program.run(*SCALING, "--json", ranks=3).out), 3, (1, 2, 3))


def scaling_fits_a_terminal(program):
    result = program.run(*SCALING, ranks=2)
    check(max(map(len, result.out.splitlines())) <= 80, f"long lines\n{result}")
    for part in ("strong scaling, clean images", "weak scaling, adversarial images", "effic.",
                 "computing", "exposed", "idle", "hidden", "MB/s", "one image on one thread"):
        check(part in result.out, f"the table has no '{part}'\n{result}")


def scaling_is_refused(program):
    result = program.run(*SCALING, "-o", "machine.yaml", code=2)
    check(len(result.messages()) == 1 and "there is one rank" in result.messages()[0], f"{result}")
    check(result.out == "" and not os.listdir(program.folder), f"{result}")
    # The report is not lost where the machine cannot be written.
    result = program.run(*SCALING, "-o", "nowhere/machine.yaml", ranks=2, code=1)
    check("strong scaling" in result.out and "nowhere" in result.messages()[0], f"{result}")


main([json_is_complete, ranks_measure_together, other_models, table_fits_a_terminal,
      kernels_can_be_chosen, unknown_words_are_named, scaling_on_two_ranks,
      scaling_on_other_ranks, scaling_fits_a_terminal, scaling_is_refused])
