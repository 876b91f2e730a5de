#!/usr/bin/python3
"""Training on two hosts with a slow link between them, against one rank on one host.

Two network namespaces, a pair of virtual Ethernet devices with a token bucket on each end, a host
name for each: Open MPI takes them for two hosts and speaks TCP. Needs root, iproute2 and an idle
machine. Prints, for each rate, images a second by one rank and by two, in turns, their ratio, and
the seconds of an epoch in which messages were hidden and exposed.

    tests/bench/two_hosts.py build/release/advgrid [RATE...]    RATE as tc writes it: 1gbit
"""
import os
import statistics
import subprocess
import sys
import tempfile

import h5py

NAMES = "advgrid-a", "advgrid-b"
ADDRESSES = "10.213.7.1", "10.213.7.2"
IMAGES = 3200
JOB = f"""
dataset: {{kind: synthetic, training_images: {IMAGES + 100}, validation_images: 100, test_images: 100}}
model: {{kind: base}}
training: {{epochs: 3, batch: 128, shard: 32, clip: 2}}
defenses: [{{kind: none}}]
attacks: [{{kind: fgsm}}]
epsilons: [1/255]
evaluation: {{images: 1}}
"""
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def call(*words):
    subprocess.run(words, check=True)


def connect():
    for name in NAMES:
        call("ip", "netns", "add", name)
    call("ip", "link", "add", "advgrid0", "type", "veth", "peer", "name", "advgrid1")
    for i, name in enumerate(NAMES):
        call("ip", "link", "set", f"advgrid{i}", "netns", name)
        inside = "ip", "-n", name
        call(*inside, "addr", "add", f"{ADDRESSES[i]}/24", "dev", f"advgrid{i}")
        call(*inside, "link", "set", f"advgrid{i}", "up")
        call(*inside, "link", "set", "lo", "up")


def disconnect():
    for name in NAMES:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


def limit(rate):
    for i, name in enumerate(NAMES):
        call("tc", "-n", name, "qdisc", "replace", "dev", f"advgrid{i}", "root", "tbf", "rate", rate,
             "burst", "256kb", "latency", "50ms")


def train(command, folder):
    """Images a second of the best epoch, and its row."""
    subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    with h5py.File(f"{folder}/results.h5") as file:
        rows = file["training/none"][:]
    best = min(rows, key=lambda row: row["seconds"])
    return IMAGES / best["seconds"], best


def main(program, rates):
    with tempfile.TemporaryDirectory() as folder:
        job, agent = f"{folder}/job.yaml", f"{folder}/agent"
        with open(job, "w", encoding="utf-8") as file:
            file.write(JOB)
        with open(agent, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nshift\n"
                       f"exec ip netns exec {NAMES[1]} unshare -u sh -c \"hostname {NAMES[1]}; $*\"\n")
        os.chmod(agent, 0o755)
        network = ADDRESSES[0].rsplit(".", 1)[0] + ".0/24"
        there = (f"hostname {NAMES[0]}; exec mpirun --host {NAMES[0]}:1,{ADDRESSES[1]}:1 -n 2"
                 f" --bind-to none --mca plm_rsh_agent {agent} --mca btl tcp,self"
                 f" --mca btl_tcp_if_include {network} --mca oob_tcp_if_include {network}"
                 f" {program} run {job} -t 1 -o")
        for rate in rates:
            limit(rate)
            ones, twos = [], []
            for turn in range(3):
                one, two = f"{folder}/one-{rate}-{turn}", f"{folder}/two-{rate}-{turn}"
                ones.append(train(["mpirun", "-n", "1", program, "run", job, "-t", "1", "-o", one],
                                  one)[0])
                speed, row = train(["ip", "netns", "exec", NAMES[0], "unshare", "-u", "sh", "-c",
                                    f"{there} {two}"], two)
                twos.append(speed)
            ratios = [b / a for a, b in zip(ones, twos)]
            print(f"{rate}: one rank {statistics.median(ones):.0f}, two {statistics.median(twos):.0f}"
                  f" images/s, ratio {statistics.median(ratios):.2f}"
                  f" ({min(ratios):.2f} to {max(ratios):.2f}); of an epoch's {row['seconds']:.1f} s"
                  f" {row['hidden_seconds']:.1f} hidden, {row['exposed_seconds']:.1f} exposed",
                  flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    disconnect()
    try:
        connect()
        main(os.path.abspath(sys.argv[1]), sys.argv[2:] or ["1gbit", "100mbit"])
    finally:
        disconnect()
