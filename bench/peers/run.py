#!/usr/bin/env python3
"""Runs fovea and its peers by turns and prints the tables of bench/README.md.

    bench/peers/run.py FOVEA_PEER_BENCH [--only 'infer-*' ...] [--rounds N] [--avx2]

The peers are PyTorch, eager and compiled, in both memory formats, and for inference ONNX Runtime
and OpenVINO. Their versions are those of requirements.txt, installed into a virtual environment
beside the program (several GB) unless --python names an interpreter that has them. All sides of a
case begin with the same weights and images, stay loaded together (training VGG-16 wants 16 GB; see
--peers) and take turns; scores and losses are compared before the first one is timed.
"""
import argparse
import fnmatch
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from without_avx512 import copy_without_avx512

HERE = os.path.dirname(os.path.abspath(__file__))
TORCH = {f"{mode} {layout}": ["--layout", layout] + (["--compile"] if mode == "compile" else [])
         for mode in ("eager", "compile") for layout in ("nchw", "nhwc")}
LOADERS = {"torchvision (Pillow)": "pillow", "torchvision": "torchvision", "OpenCV": "opencv"}
RUNTIMES = {"ONNX Runtime": "onnxruntime", "OpenVINO": "openvino"}
DROPOUT = ("vgg16",)  # trained with random masks, so losses differ


class Case:
    def __init__(self, work, words, model, batch, size=224, channels=3, classes=1000):
        self.work, self.words, self.model, self.batch = work, words, model, batch
        self.name = "-".join(filter(None, (work, model, str(batch))))
        self.arguments = ["--size", str(size), "--channels", str(channels),
                          "--classes", str(classes), "--batch", str(batch)]


CASES = [
    Case("train", "ResNet-18 for CIFAR", "resnet18_cifar", 32, 32, 3, 10),
    Case("train", "ResNet-18 for CIFAR", "resnet18_cifar", 128, 32, 3, 10),
    Case("train", "small ConvNet at 32", "convnet", 128, 32, 3, 10),
    Case("train", "VGG-16 at 224", "vgg16", 4),
    Case("train", "ResNet-50 at 224", "resnet50", 4),
    Case("train", "LeNet-5 at 28", "lenet5", 64, 28, 1, 10),
    Case("train", "MobileNet v1 at 128", "mobilenet_v1", 16, 128),
] + [
    Case("infer", words + " at 224", model, batch)
    for model, words in (("resnet18", "ResNet-18"), ("resnet50", "ResNet-50"), ("vgg16", "VGG-16"),
                         ("squeezenet1_1", "SqueezeNet 1.1"), ("mobilenet_v1", "MobileNet v1"))
    for batch in (1, 8)
]
LOAD = Case("load", "JPEGs", "", 32)
CASES.append(LOAD)


def stop(message):
    sys.exit("run.py: " + message)


def fits(name, patterns):
    return not patterns or any(fnmatch.fnmatch(name, p) for p in patterns)


def interpreter(folder):
    """The Python of the virtual environment `folder`, which is made if it is not there."""
    python, wanted = os.path.join(folder, "bin", "python"), os.path.join(HERE, "requirements.txt")
    installed = os.path.join(folder, "installed.txt")
    with open(wanted) as f:
        pins = f.read()
    if os.path.exists(installed):
        with open(installed) as f:
            if f.read() == pins:
                return python
    print(f"installing the peers into {folder}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-cache-dir",
                    "--disable-pip-version-check", "-r", wanted], check=True)
    shutil.copy(wanted, installed)
    return python


def held_to_avx2(python, folder, packages):
    """A folder for PYTHONPATH with copies of the packages that know nothing of AVX-512."""
    site = run([python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"],
               os.environ).strip()
    for package in packages:
        if not os.path.isdir(os.path.join(site, package)):
            stop(f"expected {package} in {site}, found none; {python} lacks a package of "
                 "requirements.txt")
        print(f"copying {package} without AVX-512", file=sys.stderr)
        if not copy_without_avx512(os.path.join(site, package), os.path.join(folder, package)):
            stop(f"found nothing in {os.path.join(site, package)} that asks for AVX-512's "
                 "registers: its machine code may have changed, see without_avx512.py")
    return folder


def run(command, env):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env)
    if done.returncode != 0:
        stop(f"{' '.join(command)} failed ({done.returncode})")
    return done.stdout


class Side:
    """A program that is ready to run steps of one case, and what it measured."""

    def __init__(self, name, command, env, log):
        self.name, self.log, self.rounds = name, log, []
        with open(log, "w") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=errors, text=True, env=env)
        self.ready = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            with open(self.log) as f:
                stop(f"{self.name} failed ({self.process.wait()}):\n{f.read()[-3000:]}")
        return json.loads(line)

    def turn(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        self.rounds.append(self.answer())
        return self.of_round(-1)

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def of_round(self, i):
        return statistics.median(self.rounds[i]["seconds"])

    def median(self):
        return statistics.median(s for r in self.rounds for s in r["seconds"])

    def memory(self):
        """The peak of the process in MB, and how much of it came after its libraries."""
        peak = max(r["peak_mb"] for r in self.rounds)
        return peak, peak - self.ready["base_mb"]


def check_same(case, ours, theirs):
    """The same weights and images must give the same scores and losses."""
    def fail(what, a, b):
        stop(f"{case.name}: {what} differ: fovea {a[:8]}, {theirs.name} {b[:8]}")

    a, b = ours.ready["scores"], theirs.ready["scores"]
    if len(a) != len(b) or not all(map(math.isfinite, a + b)):
        fail("scores", a, b)
    if max(abs(x - y) for x, y in zip(a, b)) > 1e-3 * max(map(abs, b)):
        fail("scores", a, b)
    a, b = ours.ready["losses"], theirs.ready["losses"]
    if len(a) != len(b) or not all(map(math.isfinite, a + b)):
        fail("losses", a, b)
    first, later = (0.25, 0.5) if case.model in DROPOUT else (1e-3, 0.05)
    if a and (abs(a[0] - b[0]) > first * abs(b[0])
              or any(abs(x - y) > later * abs(b[0]) for x, y in zip(a, b))):
        fail("losses", a, b)


def check_similar(case, ours, theirs):
    """Random parts of the same pictures must have similar colours."""
    a, b = ours.ready["statistics"], theirs.ready["statistics"]
    if max(abs(x - y) for x, y in zip(a, b)) > 0.1:
        stop(f"{case.name}: means and deviations differ: fovea {a}, {theirs.name} {b}")


def start_loading(case, o, python, env, folder):
    """The sides of the loading case, fovea first."""
    run([python, os.path.join(HERE, "make_photos.py"), o.data, folder], env)
    common = ["--batch", str(case.batch), "--size", "224", "--warmup", str(o.load_warmup)]
    log = os.path.join(folder, "log.txt")
    sides = [Side("fovea", [o.program, "load", "--folder", folder] + common, env, log)]
    for name, how in LOADERS.items():
        if fits(name, o.peers):
            command = [python, os.path.join(HERE, "load_step.py"), how, folder]
            sides.append(Side(name, command + common, env, log))
            check_similar(case, sides[0], sides[-1])
    return sides


def start(case, o, python, env, folder):
    """All sides of a case, fovea first."""
    if case.work == "load":
        return start_loading(case, o, python, env, folder)
    common = case.arguments + ["--threads", str(o.threads), "--warmup", str(o.warmup)]
    weights, onnx = os.path.join(folder, "weights.safetensors"), os.path.join(folder, "net.onnx")
    log = os.path.join(folder, "log.txt")
    sides = [Side("fovea", [o.program, case.work, case.model, "--weights", weights] + common
                  + (["--avx2"] if o.avx2 else []), env, log)]

    def add(name, command, env):
        print(f"{case.name}: starting {name}", file=sys.stderr)
        sides.append(Side(name, [python] + command + common, env, log))
        check_same(case, sides[0], sides[-1])

    torch = os.path.join(HERE, "torch_step.py")
    for name, flags in TORCH.items():
        if fits(name, o.peers):
            add(name, [torch, case.work, case.model, "--weights", weights] + flags, env)
    runtimes = {n: e for n, e in RUNTIMES.items() if case.work == "infer" and fits(n, o.peers)}
    if runtimes:
        run([python, torch, "export", case.model, "--weights", weights, "--onnx", onnx] + common,
            dict(env, PYTHONWARNINGS="ignore"))
        for name, engine in runtimes.items():
            add(name, [os.path.join(HERE, "onnx_step.py"), engine, onnx],
                dict(env, PYTHONPATH=o.runtimes) if o.runtimes else env)
    return sides


def measure(case, o, python, env):
    with tempfile.TemporaryDirectory() as folder:
        sides = start(case, o, python, env, folder)
        steps = max(o.least_steps, math.ceil(o.seconds / sides[0].turn(1)))
        for side in sides[1:]:
            side.turn(1)
        for side in sides:
            side.rounds.clear()
        for i in range(o.rounds):
            print(f"{case.name}: round {i + 1} of {o.rounds}, {steps} steps", file=sys.stderr)
            for side in sides:
                side.turn(steps)
        for side in sides:
            side.close()
    return {side.name: side for side in sides}


def table(columns, rows, words=2):
    """A table in Markdown whose first columns are words, the others numbers."""
    print("| " + " | ".join(columns) + " |")
    print("| " + " | ".join(["---"] * words + ["---:"] * (len(columns) - words)) + " |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def best(sides):
    return min((s for name, s in sides.items() if name != "fovea"), key=Side.median)


def speed_row(case, sides, peak):
    ours, theirs = sides["fovea"], best(sides)
    ratios = [theirs.of_round(i) / ours.of_round(i) for i in range(len(ours.rounds))]
    rate = ours.ready["gflop"] / ours.median()
    cells = [f"{case.batch / s.median():.1f}" for s in sides.values()]
    return [case.words, str(case.batch)] + cells + [
        theirs.name, f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        f"{rate / peak['fma']:.0%}", f"{rate / peak['sgemm']:.0%}"]


def memory_row(case, sides):
    cells = ["{:.0f} ({:.0f})".format(*s.memory()) for s in sides.values()]
    of_torch = [sides[name].memory() for name in TORCH if name in sides]
    whole, above = (sides["fovea"].memory()[i] / min(m[i] for m in of_torch) for i in (0, 1))
    return [case.words, str(case.batch)] + cells + [f"{whole:.2f} ({above:.2f})"]


def report_loading(sides):
    """The loading table: one line, and the ratio to each peer."""
    print("### Loading, pictures a second on one thread\n")
    print("A folder of photographs, about 500 by 375, JPEG quality 90: read, decoded, a random part "
          "resized\nto 224, mirrored half of the time, normalised, in batches of f32. OpenCV "
          "resizes without antialias.\n")
    ours = sides["fovea"]
    rows = []
    for name, side in sides.items():
        ratios = [side.of_round(i) / ours.of_round(i) for i in range(len(ours.rounds))]
        rows.append([name, f"{LOAD.batch / side.median():.0f}", "{:.0f} ({:.0f})".format(*side.memory()),
                     f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"])
    table(["Who", "Pictures a second", "Peak memory in MB", "fovea's ratio (range)"], rows, words=1)


def report(o, results, peak, loads):
    first = next(iter(results.values()))
    versions = {}
    for sides in results.values():
        for name, side in sides.items():
            key = "PyTorch" if name in TORCH else name.split(" (")[0]
            versions[key] = side.ready["version"]
    print(f"Medians over {o.rounds} rounds of turns with {o.threads} threads each. All sides begin "
          "with the same weights and\nimages. Scores agree within 1e-3 of the largest and first "
          "losses within 1e-3 (VGG-16 is trained\nwith dropout: its losses are only roughly "
          "equal). Versions: "
          + ", ".join(f"{n} {v}" for n, v in versions.items()) + ".\n")
    print("PyTorch runs eagerly and by `torch.compile`, in NCHW and channels_last, with fused SGD, "
          "and\ncompiled inference with its weights frozen. Ratios are medians over rounds "
          "against the fastest\nof all peers: above 1 fovea is faster.\n")
    isa = first["fovea"].ready["instruction_set"]
    if o.avx2:
        print("Limited to AVX2: our kernels, every oneDNN (ONEDNN_MAX_CPU_ISA; also OpenVINO's "
              "convolutions), ATen\nand the code of `torch.compile` (ATEN_CPU_CAPABILITY, "
              "TORCHINDUCTOR_CPP_MARCH), MKL\n(MKL_ENABLE_INSTRUCTIONS). ONNX Runtime has no such "
              "switch, nor have OpenVINO's matrix product and\nsome of its small kernels: both ran "
              "from copies in which XGETBV says that AVX-512's registers\nare not kept "
              "(without_avx512.py).\n")
    print(f"Our kernels used {isa}. The load average went from {loads[0]:.1f} to {loads[-1]:.1f} "
          f"on {os.cpu_count()} processors; much more\nthan {o.threads} at the end means that "
          "other programs ran beside, and that these figures say little.\n")
    print(f"Peak of the machine, measured between the cases: {peak['fma']:.0f} GFLOP/s of "
          f"multiply-adds on\nregisters, {peak['sgemm']:.0f} GFLOP/s of sgemm at 2048 (oneDNN), "
          f"{peak['memory']:.1f} GB/s copied.\n")
    for work, title in (("train", "Training steps"), ("infer", "Inference")):
        done = [c for c in CASES if c.work == work and c.name in results]
        if not done:
            continue
        names = list(results[done[0].name])
        print(f"### {title}, images a second\n")
        table(["What", "Batch"] + names + ["Fastest peer", "Ratio (range)", "Of FMA peak",
                                           "Of sgemm"],
              [speed_row(c, results[c.name], peak) for c in done])
        print(f"### {title}, peak memory in MB\n")
        print("Of the process in steady steps; in brackets what came after its libraries were "
              "loaded. The\nratio is to the least of PyTorch's.\n")
        table(["What", "Batch"] + names + ["Ratio"],
              [memory_row(c, results[c.name]) for c in done])
    if LOAD.name in results:
        report_loading(results[LOAD.name])


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program", help="the built fovea_peer_bench")
    p.add_argument("--only", nargs="+", metavar="CASE", help="names, * standing for anything; of "
                   + ", ".join(c.name for c in CASES))
    p.add_argument("--peers", nargs="+", metavar="PEER", help="the same; of "
                   + ", ".join([*TORCH, *RUNTIMES, *LOADERS]))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=2, help="of fovea's steps in a round")
    p.add_argument("--least-steps", type=int, default=2, help="in a round")
    p.add_argument("--warmup", type=int, default=2, help="steps before")
    p.add_argument("--load-warmup", type=int, default=8, help="batches loaded before")
    p.add_argument("--data", default=os.environ.get(
        "FOVEA_TEST_DATA", os.path.join(HERE, "..", "..", "..", "shared", "data")),
        help="folder with test_images, for the loading case")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--avx2", action="store_true", help="keep all sides from AVX-512")
    p.add_argument("--python", help="an interpreter with the peers, instead of one made here")
    p.add_argument("--json", help="file for all that was measured")
    o = p.parse_args()
    chosen = [c for c in CASES if fits(c.name, o.only)]
    if not chosen:
        stop("--only fits no case; there are " + ", ".join(c.name for c in CASES))
    if chosen != [LOAD] and not any(fits(name, o.peers) for name in TORCH):
        stop("--peers leaves no PyTorch to compare with; there are " + ", ".join(TORCH))
    o.program = os.path.abspath(o.program)
    home = os.path.join(os.path.dirname(o.program), "venv")
    python = o.python or interpreter(home)
    cache = os.path.join(home, "inductor-avx2" if o.avx2 else "inductor")
    env = dict(os.environ, TORCHINDUCTOR_CACHE_DIR=cache)
    if o.avx2:
        env.update(ONEDNN_MAX_CPU_ISA="AVX2", MKL_ENABLE_INSTRUCTIONS="AVX2",
                   ATEN_CPU_CAPABILITY="avx2", TORCHINDUCTOR_CPP_MARCH="x86-64-v3")
    o.runtimes = None
    if o.avx2 and any(c.work == "infer" for c in chosen):
        o.runtimes = held_to_avx2(python, os.path.join(home, "avx2"), [
            package for name, package in RUNTIMES.items() if fits(name, o.peers)])

    def machine():
        flags = ["--threads", str(o.threads)] + (["--avx2"] if o.avx2 else [])
        return json.loads(run([o.program, "machine"] + flags, env))

    results, peaks, loads = {}, [machine()], [os.getloadavg()[0]]
    for case in chosen:
        results[case.name] = measure(case, o, python, env)
        peaks.append(machine())
        loads.append(os.getloadavg()[0])
    peak = {k: max(m[k] for m in peaks) for k in peaks[0]}
    if o.json:
        with open(o.json, "w") as f:
            json.dump({"peak": peak, "load": loads, "cases": {
                name: {s.name: {"version": s.ready["version"], "base_mb": s.ready["base_mb"],
                                "rounds": s.rounds} for s in sides.values()}
                for name, sides in results.items()}}, f)
    report(o, results, peak, loads)


if __name__ == "__main__":
    main()
