#!/usr/bin/env python3
"""Runs the steps of fovea and PyTorch by turns and prints the tables of bench/README.md.

    bench/peers/run.py FOVEA_PEER_BENCH [--python PYTHON]... [--rounds N]

Every measurement is a process of its own, so that peak memory is its own too. PyTorch runs in
both memory formats; the faster one counts. --python names an interpreter with PyTorch; the first
is what the issue's figures are about, others are further columns.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = [  # name, in words, batch, steps a round
    ("train_resnet18_cifar", "training step, ResNet-18 for CIFAR", 32, 4),
    ("train_convnet", "training step, small ConvNet", 128, 6),
    ("infer_resnet50", "inference, ResNet-50 at 224", 1, 12),
]


def run_json(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"run.py: {' '.join(command)} failed ({done.returncode})")
    return json.loads(done.stdout)


def check_same(case, ours, theirs):
    """The same weights and inputs must give the same loss and scores, and much the same course."""
    def fail(what, a, b):
        sys.exit(f"run.py: {case}: {what} differ: fovea {a}, PyTorch {b}")

    if ours["losses"]:
        a, b = ours["losses"], theirs["losses"]
        if abs(a[0] - b[0]) > 1e-3 * abs(b[0]):
            fail("first losses", a[0], b[0])
        if any(abs(x - y) > 0.05 * abs(b[0]) for x, y in zip(a, b)):
            fail("losses", a, b)
    else:
        a, b = ours["scores"], theirs["scores"]
        if max(abs(x - y) for x, y in zip(a, b)) > 1e-3 * max(map(abs, b)):
            fail("scores", a, b)


class Side:
    """What one program measured in one case, over all rounds."""

    def __init__(self):
        self.runs = []

    def median(self):
        return statistics.median(s for r in self.runs for s in r["seconds"])

    def of_round(self, i):
        return statistics.median(self.runs[i]["seconds"])

    def memory(self):
        return statistics.median(r["peak_rss_mb"] for r in self.runs)


def best_layout(sides, python):
    return min(("nchw", "nhwc"), key=lambda layout: sides[python, layout].median())


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program", help="the built fovea_peer_bench")
    p.add_argument("--python", action="append", help="interpreters (/usr/bin/python3)")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    o = p.parse_args()
    pythons = o.python or ["/usr/bin/python3"]
    threads = ["--threads", str(o.threads)]

    def machine():
        return run_json([o.program, "machine"] + threads)

    results, peaks, versions, loads = {}, [machine()], {}, [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as folder:
        for case, words, batch, steps in CASES:
            sides = results[case] = {}
            weights = os.path.join(folder, case + ".safetensors")
            start = ["--batch", str(batch), "--warmup", "0", "--steps", "1"]
            run_json([o.program, case, "--weights", weights] + start + threads)
            size = ["--batch", str(batch), "--warmup", "2", "--steps", str(steps)] + threads
            for i in range(o.rounds):
                print(f"{case}, round {i + 1} of {o.rounds}", file=sys.stderr)
                ours = run_json([o.program, case] + size)
                sides.setdefault("fovea", Side()).runs.append(ours)
                for python in pythons:
                    for layout in ("nchw", "nhwc"):
                        script = [python, os.path.join(HERE, "torch_step.py"), case]
                        theirs = run_json(
                            script + ["--layout", layout, "--weights", weights] + size)
                        versions[python] = theirs["version"]
                        check_same(case, ours, theirs)
                        sides.setdefault((python, layout), Side()).runs.append(theirs)
            peaks.append(machine())
            loads.append(os.getloadavg()[0])

    peak = {k: max(m[k] for m in peaks) for k in peaks[0]}
    print(f"Medians over {o.rounds} rounds, taken by turns with {o.threads} threads; every run "
          "is a process of its own.\nPyTorch in the faster of its two memory formats, from the "
          "same weights on the same inputs:\nfirst losses and scores agree within 1e-3. Ratios "
          "are medians over rounds, of speed (above 1:\nfovea is faster) and of peak memory of the "
          "process (below 1: fovea needs less).\n")
    print(f"The load average went from {loads[0]:.1f} to {loads[-1]:.1f} on {os.cpu_count()} "
          f"processors; much more than {o.threads} at the end\nmeans that other programs ran beside "
          "them, and that these figures say little.\n")
    print(f"Peak of the machine, measured beside them: {peak['fma']:.0f} GFLOP/s of multiply-adds "
          f"on registers,\n{peak['sgemm']:.0f} GFLOP/s of sgemm at 2048 (oneDNN), "
          f"{peak['memory']:.1f} GB/s copied.\n")
    print("| What | Batch | PyTorch | fovea images/s | PyTorch images/s | Speed ratio (range) | "
          "fovea MB | PyTorch MB | Memory ratio | Of FMA peak | Of sgemm |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for case, words, batch, steps in CASES:
        sides = results[case]
        ours = sides["fovea"]
        rate = ours.runs[0]["gflop"] / ours.median()
        for python in pythons:
            layout = best_layout(sides, python)
            theirs = sides[python, layout]
            ratios = [theirs.of_round(i) / ours.of_round(i) for i in range(o.rounds)]
            print(f"| {words} | {batch} | {versions[python]} {layout} | "
                  f"{batch / ours.median():.1f} | {batch / theirs.median():.1f} | "
                  f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | "
                  f"{ours.memory():.0f} | {theirs.memory():.0f} | "
                  f"{ours.memory() / theirs.memory():.2f} | "
                  f"{rate / peak['fma']:.0%} | {rate / peak['sgemm']:.0%} |")


if __name__ == "__main__":
    main()
