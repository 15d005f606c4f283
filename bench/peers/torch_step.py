#!/usr/bin/env python3
"""The steps of step_bench.cpp in PyTorch: same networks, weights, inputs; prints JSON."""
import argparse
import json
import resource
import struct
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class ConvBnRelu(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(c_out)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        c_in = 3
        for stage, c in enumerate((32, 64, 128), 1):
            setattr(self, f"stage{stage}", nn.Sequential(ConvBnRelu(c_in, c), ConvBnRelu(c, c)))
            c_in = c
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(self.stage1(x), 2)
        x = F.max_pool2d(self.stage2(x), 2)
        return self.fc(self.stage3(x).mean((2, 3)))


class Block(nn.Module):
    """A residual block: `convs` are (in, out, kernel, stride)."""

    def __init__(self, convs):
        super().__init__()
        self.depth = len(convs)
        for i, (c_in, c_out, k, s) in enumerate(convs, 1):
            setattr(self, f"conv{i}", nn.Conv2d(c_in, c_out, k, s, k // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(c_out))
        first, last, stride = convs[0][0], convs[-1][1], max(c[3] for c in convs)
        self.downsample = None
        if first != last or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(first, last, 1, stride, bias=False), nn.BatchNorm2d(last))

    def forward(self, x):
        y = x
        for i in range(1, self.depth):
            y = F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y)), inplace=True)
        y = getattr(self, f"bn{self.depth}")(getattr(self, f"conv{self.depth}")(y))
        y += x if self.downsample is None else self.downsample(x)
        return F.relu(y, inplace=True)


class ResNet(nn.Module):
    def __init__(self, blocks, deep, small_stem, classes):
        super().__init__()
        self.small_stem = small_stem
        self.conv1 = (nn.Conv2d(3, 64, 3, 1, 1, bias=False) if small_stem else
                      nn.Conv2d(3, 64, 7, 2, 3, bias=False))
        self.bn1 = nn.BatchNorm2d(64)
        c = 64
        for stage, count in enumerate(blocks):
            w, layers = 64 << stage, []
            for i in range(count):
                s = 2 if stage > 0 and i == 0 else 1
                layers.append(Block([(c, w, 1, 1), (w, w, 3, s), (w, 4 * w, 1, 1)] if deep else
                                    [(c, w, 3, s), (w, w, 3, 1)]))
                c = 4 * w if deep else w
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(c, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        if not self.small_stem:
            x = F.max_pool2d(x, 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


CASES = {  # name: network, size of its input, classes, is it trained
    "train_resnet18_cifar": (lambda: ResNet((2, 2, 2, 2), False, True, 10), 32, 10, True),
    "train_convnet": (ConvNet, 32, 10, True),
    "infer_resnet50": (lambda: ResNet((3, 4, 6, 3), True, False, 1000), 224, 1000, False),
}


def read_safetensors(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    dtypes = {"F32": np.float32, "I64": np.int64}
    tensors = {}
    for name, t in header.items():
        if name == "__metadata__":
            continue
        begin, end = t["data_offsets"]
        values = np.frombuffer(data[begin:end], dtypes[t["dtype"]]).reshape(t["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors


def make_batch(size, count, classes):
    """The batch of step_bench.cpp, whose images are (N, H, W, C), as (N, C, H, W)."""
    i = np.arange(count * size * size * 3, dtype=np.uint64)
    x = ((i * 2654435761) & 0xFFFFFFFF).astype(np.float64) / 2147483648 - 1
    x = x.astype(np.float32).reshape(count, size, size, 3).transpose(0, 3, 1, 2)
    return torch.from_numpy(x.copy()), torch.arange(count) * 7 % classes


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("case", choices=CASES)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--steps", type=int, default=10)
    p.add_argument("--warmup", type=int, default=3)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--layout", choices=("nchw", "nhwc"), default="nchw")
    p.add_argument("--weights", help="file with the weights to begin with")
    o = p.parse_args()

    torch.set_num_threads(o.threads)
    make, size, classes, train = CASES[o.case]
    net = make()
    if o.weights:
        net.load_state_dict(read_safetensors(o.weights))
    x, labels = make_batch(size, o.batch, classes)
    if o.layout == "nhwc":
        net = net.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    losses, scores = [], []
    if train:
        net.train()
        sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)

        def step():
            sgd.zero_grad(set_to_none=True)
            logits = net(x)
            loss = F.cross_entropy(logits, labels)
            loss.backward()
            sgd.step()
            losses.append(loss.item())
            (logits.argmax(1) == labels).sum().item()
    else:
        net.eval()

        @torch.inference_mode()
        def step():
            scores[:] = net(x).flatten().tolist()

    for _ in range(o.warmup):
        step()
    seconds = []
    cpu = time.process_time()
    for _ in range(o.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({
        "case": o.case,
        "batch": o.batch,
        "threads": torch.get_num_threads(),
        "version": torch.__version__,
        "seconds": seconds,
        "cpu_seconds": (time.process_time() - cpu) / o.steps,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "losses": losses[:8],
        "scores": scores[:8],
    }))


if __name__ == "__main__":
    main()
