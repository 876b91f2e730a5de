#!/usr/bin/env python3
"""compare_torch.py ADVGRID [--threads N] [--rounds N] [--seconds T] [--batch N] [--shard N]:
images per second of `advgrid bench` against PyTorch, on one machine and in turns.

Each round runs `advgrid bench --json` and then PyTorch, on the network `base`, with the same
batch and numbers of threads; the ratio of a round is advgrid's rate over PyTorch's, so that what
slows the machine for a while slows both. Rates are medians of five repeats within a round, and
over the rounds the table gives the ratio's minimum, median and maximum. Run it on an otherwise
idle machine, with advgrid's release build:

    python3 tests/bench/compare_torch.py build/release/advgrid

PyTorch runs eagerly in float32, in its channels-last layout, on a batch that is ready in memory:
  forward  evaluation mode, no gradients recorded
  pgd      gradient of the cross-entropy to the pixels, parameters taking none; step by its sign,
           projection onto the ball and onto [0, 1]
  train    forward, loss, backward, SGD with Nesterov's momentum and weight decay
advgrid's training also takes the images out of the dataset, flips and crops them and counts the
correct ones, which PyTorch is spared. advgrid works in shards, so that at more threads than the
batch has shards some of them have nothing to do: raise --batch there.

Exit code 77 where PyTorch is not installed (Debian's python3-torch)."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

try:
    import torch
    from torch import nn
except ImportError as missing:
    print(missing)
    sys.exit(77)

WORKS = "forward", "pgd", "train"
REPEATS = 5
EPSILON, STEP = 8 / 255, 2 / 255


class Normalize(nn.Module):
    """The pixels' mean and deviation."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.full((1, 3, 1, 1), 0.5))
        self.register_buffer("deviation", torch.full((1, 3, 1, 1), 0.25))

    def forward(self, images):
        return (images - self.mean) / self.deviation


def base():
    """advgrid's architecture of that name."""
    layers, inputs = [Normalize()], 3
    for number, outputs in enumerate((32, 64, 128, 128, 256, 256)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if number % 2 == 1 else []
        inputs = outputs
    layers += [nn.Flatten(), nn.Dropout(0.1), nn.Linear(16 * 256, 512), nn.ReLU(),
               nn.Dropout(0.1), nn.Linear(512, 10)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


class Rival:
    """What PyTorch does of each work for one batch."""

    def __init__(self, batch):
        torch.manual_seed(1)
        images = torch.rand(batch, 3, 32, 32)
        self.images = images.contiguous(memory_format=torch.channels_last)
        self.labels = torch.arange(batch) % 10
        self.adversarial = self.images.clone()
        self.trained, self.attacked = base(), base().eval().requires_grad_(False)
        weights = [p for p in self.trained.parameters() if p.dim() > 1]
        biases = [p for p in self.trained.parameters() if p.dim() == 1]
        self.optimizer = torch.optim.SGD(
            [{"params": weights, "weight_decay": 5e-4}, {"params": biases}], lr=1e-5,
            momentum=0.9, nesterov=True)

    def forward(self):
        with torch.no_grad():
            self.attacked(self.images)

    def pgd(self):
        images = self.adversarial.requires_grad_()
        loss = nn.functional.cross_entropy(self.attacked(images), self.labels, reduction="sum")
        gradient = torch.autograd.grad(loss, images)[0]
        with torch.no_grad():
            moved = images + STEP * gradient.sign()
            moved = torch.maximum(torch.minimum(moved, self.images + EPSILON),
                                  self.images - EPSILON)
            self.adversarial = moved.clamp_(0, 1)

    def train(self):
        self.optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(self.trained(self.images), self.labels).backward()
        self.optimizer.step()


def seconds_of(work, turns):
    start = time.perf_counter()
    for _ in range(turns):
        work()
    return time.perf_counter() - start


def rate_of(work, batch, seconds):
    """Images per second, by the same rule as advgrid bench."""
    seconds_of(work, 1)
    turns = max(1, int(seconds / REPEATS / seconds_of(work, 1)))
    return statistics.median(batch * turns / seconds_of(work, turns) for _ in range(REPEATS))


def run_advgrid(options):
    line = [options.advgrid, "bench", "--json", "--model", "base", "--batch", options.batch,
            "--shard", options.shard, "--seconds", options.seconds, "--threads", options.threads]
    done = subprocess.run(list(map(str, line)), stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def run_round(options, rival):
    """{(work, threads): (advgrid's rate, PyTorch's)}, and advgrid's whole report."""
    report = run_advgrid(options)
    rates = {}
    for row in report["throughput"]:
        torch.set_num_threads(row["threads"])
        other = rate_of(getattr(rival, row["work"]), options.batch, options.seconds)
        rates[row["work"], row["threads"]] = row["images_per_second"], other
    return rates, report


def print_table(rounds):
    print(f"{'work':<9}{'threads':>8}{'advgrid':>11}{'PyTorch':>11}"
          f"{'ratio: min':>13}{'median':>9}{'max':>9}")
    for work in WORKS:
        for threads in sorted(count for name, count in rounds[0] if name == work):
            pairs = [rates[work, threads] for rates in rounds]
            ours, theirs = (statistics.median(column) for column in zip(*pairs))
            ratios = [our / their for our, their in pairs]
            print(f"{work:<9}{threads:>8}{ours:>11.1f}{theirs:>11.1f}{min(ratios):>13.2f}"
                  f"{statistics.median(ratios):>9.2f}{max(ratios):>9.2f}")


def main():
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description="advgrid against PyTorch, in turns")
    parser.add_argument("advgrid", help="the program, of a release build")
    parser.add_argument("--threads", type=int, default=cores, help="at most (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0,
                        help="of each measurement, about (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=128, help="(default: %(default)s)")
    parser.add_argument("--shard", type=int, default=32, help="(default: %(default)s)")
    options = parser.parse_args()
    if min(options.threads, options.rounds) < 1:
        parser.error("--threads and --rounds are at least 1")
    rival, rounds = Rival(options.batch), []
    for _ in range(options.rounds):
        rates, report = run_round(options, rival)
        rounds.append(rates)
    print(f"{report['cpu']}, {report['instructions']}, FMA peak "
          f"{report['fma_peak_gflops']:.0f} GFLOP/s of a core; PyTorch {torch.__version__}")
    print(f"base, batch {options.batch}, images/s, medians of {options.rounds} rounds\n")
    print_table(rounds)


if __name__ == "__main__":
    main()
