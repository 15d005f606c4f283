#!/usr/bin/env python3
"""Measures the command as its users meet it and prints a table of bench/README.md.

    bench/figures.py FOVEA [--torch PYTHON] [--data DIR] [--quick] [--runs N] [--set KEY=VALUE]...

Every figure has a row: one that could not be measured says why. --torch names a Python with
PyTorch and Pillow, which then trains the CIFAR recipe for as long as fovea did. --quick leaves the
trainings out, which take about half an hour on two cores; --set changes a setting of both of them, which their
rows then say.
"""
import argparse
import glob
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class NotMeasured(Exception):
    pass


def run(command, **options):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise NotMeasured(f"`{os.path.basename(command[0])} {command[1]}` failed: {last}")
    return done.stdout


def cold_predict(o, folder):
    rng = random.Random(1)
    for c in range(10):
        os.makedirs(os.path.join(folder, "photos", str(c)))
        for i in range(2):
            with open(os.path.join(folder, "photos", str(c), f"{i}.ppm"), "wb") as f:
                f.write(b"P6\n32 32\n255\n" + rng.randbytes(3 * 32 * 32))
    run([o.fovea, "train", "-q", "--data", "photos", "--model", "resnet20", "--name", "resnet20",
         "--epochs", "1", "--batch", "20", "--set", "data.val=0"], cwd=folder)
    picture = sorted(glob.glob(os.path.join(ROOT, "examples", "digits", "*.png")))[0]
    times = []
    for _ in range(o.runs):
        begin = time.perf_counter()
        run([o.fovea, "predict", "runs/resnet20/model.safetensors", picture], cwd=folder)
        times.append(1000 * (time.perf_counter() - begin))
    return (f"{statistics.median(times):.0f} ms, median of {o.runs} processes "
            f"({min(times):.0f} to {max(times):.0f})")


def stripped_size(o, folder):
    stripped = os.path.join(folder, "fovea")
    run(["strip", "-o", stripped, o.fovea])
    return f"{os.path.getsize(stripped) / 1e6:.1f} MB"


def training(recipe, data):
    def measure(o, folder):
        if o.quick:
            raise NotMeasured("left out by QUICK=1")
        source = os.path.join(o.data, data)
        if not os.path.exists(source):
            raise NotMeasured(f"needs {os.path.relpath(source, ROOT)}, which is not here")
        print(f"training {os.path.basename(recipe)}", file=sys.stderr)
        changes = [word for change in o.set for word in ("--set", change)]
        r = json.loads(run([o.fovea, "train", recipe, "--data", source, "--name", data, "--json",
                            "-q"] + changes, cwd=folder))
        o.seconds[recipe] = r["seconds"]
        text = (f"{100 * r['test']['top1']:.2f} % of {r['test']['samples']} test images, "
                f"{r['seconds']:.0f} s of training")
        return text + (f", with {', '.join(o.set)}" if o.set else "")
    return measure


def training_in_torch(recipe, data):
    def measure(o, folder):
        if not o.torch:
            raise NotMeasured("no --torch was given")
        if recipe not in o.seconds:
            raise NotMeasured("fovea's own training was not measured")
        print(f"training {os.path.basename(recipe)} in PyTorch", file=sys.stderr)
        r = json.loads(run([o.torch, os.path.join(ROOT, "bench", "peers", "torch_cifar.py"),
                            os.path.join(o.data, data), "--seconds", str(o.seconds[recipe])]))
        return (f"{100 * r['test_top1']:.2f} %, {r['seconds']:.0f} s of training, {r['epochs']} epochs "
                f"at {r['images_per_second']:.0f} images/s, PyTorch {r['version']}")
    return measure


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("fovea", help="the built command")
    p.add_argument("--torch", metavar="PYTHON", help="an interpreter with PyTorch and Pillow")
    p.add_argument("--data", default=os.environ.get(
        "FOVEA_TEST_DATA", os.path.join(ROOT, "..", "shared", "data")))
    p.add_argument("--quick", action="store_true", help="no training")
    p.add_argument("--runs", type=int, default=9, help="processes of `fovea predict` (9)")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    o = p.parse_args()
    o.seconds = {}
    o.fovea, o.data = os.path.abspath(o.fovea), os.path.abspath(o.data)

    figures = [
        ("`fovea predict` of one image with ResNet-20", "at most 100 ms", cold_predict),
        ("stripped `fovea`, without its system libraries", "at most 25 MB", stripped_size),
        ("`recipes/lenet5-mnist.toml` on MNIST", "99.0 % or more, at most 90 s",
         training(os.path.join(ROOT, "recipes", "lenet5-mnist.toml"), "mnist")),
    ]
    for recipe in sorted(glob.glob(os.path.join(ROOT, "recipes", "*cifar10*.toml"))):
        name = os.path.basename(recipe)
        goal = "the best within 900 s" if name == "vgg-cifar10.toml" else "that of docs/ladder.md"
        figures.append((f"`recipes/{name}` on CIFAR-10 as JPEG", goal,
                        training(recipe, "cifar10")))
        if name == "vgg-cifar10.toml":
            figures.append(("the same recipe and time in PyTorch", "less",
                            training_in_torch(recipe, "cifar10")))
    print("Each is a process of its own, with its files in the page cache. The model that predicts "
          "was\ntrained for one step, which takes nothing from its cost.\n")
    print("| What | Figure | Goal |\n| --- | --- | --- |")
    for what, goal, measure in figures:
        with tempfile.TemporaryDirectory() as folder:
            try:
                figure = measure(o, folder)
            except NotMeasured as e:
                figure = f"not measured: {e}"
        print(f"| {what} | {figure} | {goal} |", flush=True)


if __name__ == "__main__":
    main()
