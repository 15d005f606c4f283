"""What the programs of the peers have in common: the batch of step_bench.cpp, and how they talk."""
import json
import sys
import time

import numpy as np


def add_arguments(parser):
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)


def make_images(o):
    """The images of step_bench.cpp, which are (N, H, W, C) there, as (N, C, H, W)."""
    i = np.arange(o.batch * o.size * o.size * o.channels, dtype=np.uint64)
    x = ((i * 2654435761) & 0xFFFFFFFF).astype(np.float64) / 2147483648 - 1
    x = x.astype(np.float32).reshape(o.batch, o.size, o.size, o.channels)
    return x.transpose(0, 3, 1, 2).copy()


def memory_mb(name):
    """A figure of /proc/self/status: VmRSS is the memory in use, VmHWM the most of late."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name + ":")) / 1024


def serve(ready, step):
    """Says `ready`, then runs as many steps as each line read asks for and says what they took."""
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")  # the peak from here on
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "peak_mb": memory_mb("VmHWM")}), flush=True)
