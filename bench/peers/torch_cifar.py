#!/usr/bin/env python3
"""Trains recipes/convnet-cifar10.toml in PyTorch and prints its test accuracy and time as JSON.

    bench/peers/torch_cifar.py DATA [--epochs N] [--threads 2] [--layout nhwc]

DATA holds cifar10_jpeg_train.zip and cifar10_jpeg_test.zip, a folder a class in each. The pictures
are decoded before the clock starts, and augmented a batch at a time. The clock counts the epochs of
training alone.
"""
import argparse
import io
import json
import os
import time
import tomllib
import zipfile

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from torch_nets import ConvNet

HERE = os.path.dirname(os.path.abspath(__file__))


def read_zip(path):
    """Pixels (N, 3, 32, 32) as bytes, and labels by the order of the class names."""
    with zipfile.ZipFile(path) as z:
        names = sorted(n for n in z.namelist() if n.lower().endswith((".jpg", ".jpeg")))
        folders = [n.split("/")[-2] for n in names]
        classes = {c: i for i, c in enumerate(sorted(set(folders)))}
        pixels = np.stack([np.asarray(Image.open(io.BytesIO(z.read(n))).convert("RGB"))
                           for n in names])
    labels = torch.tensor([classes[f] for f in folders])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), labels


def initialize(net):
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")


def augment(x, padding):
    """Each picture flipped or not, and moved by up to `padding` pixels with black let in."""
    n, _, h, w = x.shape
    x = torch.where((torch.rand(n) < 0.5)[:, None, None, None], x.flip(3), x)
    x = F.pad(x, (padding,) * 4)
    top, left = torch.randint(0, 2 * padding + 1, (2, n))
    rows = top[:, None] + torch.arange(h)
    columns = left[:, None] + torch.arange(w)
    sample = torch.arange(n)[:, None, None]
    return x.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data")
    p.add_argument("--epochs", type=int, help="instead of the recipe's")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--layout", choices=("nchw", "nhwc"), default="nhwc")
    o = p.parse_args()
    with open(os.path.join(HERE, "../../recipes/convnet-cifar10.toml"), "rb") as f:
        recipe = tomllib.load(f)
    train, optimizer = recipe["train"], recipe["optimizer"]
    padding = next(a["padding"] for a in recipe["augment"] if a["type"] == "random_crop")
    epochs, batch = o.epochs or train["epochs"], train["batch"]
    torch.set_num_threads(o.threads)
    torch.manual_seed(recipe["run"]["seed"])

    x, labels = read_zip(os.path.join(o.data, "cifar10_jpeg_train.zip"))
    keep = torch.randperm(len(x))[: len(x) - round(len(x) * recipe["data"]["val"])]
    x, labels = x[keep], labels[keep]
    pixels = x.double() / 255
    mean, std = pixels.mean((0, 2, 3)).float(), pixels.std((0, 2, 3)).float()
    del pixels
    layout = torch.channels_last if o.layout == "nhwc" else torch.contiguous_format

    def normalized(bytes_):
        y = (bytes_.float() / 255 - mean[:, None, None]) / std[:, None, None]
        return y.contiguous(memory_format=layout)

    net = ConvNet()
    initialize(net)
    net = net.to(memory_format=layout).train()
    sgd = torch.optim.SGD(net.parameters(), lr=optimizer["lr"], momentum=optimizer["momentum"],
                          nesterov=optimizer["nesterov"], weight_decay=optimizer["weight_decay"])
    steps = -(-len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        sgd, optimizer["lr"], total_steps=epochs * steps, pct_start=recipe["schedule"]["rise"],
        cycle_momentum=False)
    start = time.perf_counter()
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(batch):
            loss = F.cross_entropy(net(normalized(augment(x[chosen], padding))), labels[chosen],
                                   label_smoothing=train["label_smoothing"])
            sgd.zero_grad(set_to_none=True)
            loss.backward()
            sgd.step()
            schedule.step()
    seconds = time.perf_counter() - start

    net.eval()
    x, labels = read_zip(os.path.join(o.data, "cifar10_jpeg_test.zip"))
    with torch.inference_mode():
        right = sum((net(normalized(part)).argmax(1) == truth).sum().item()
                    for part, truth in zip(x.split(500), labels.split(500)))
    print(json.dumps({"version": torch.__version__, "epochs": epochs, "seconds": seconds,
                      "images_per_second": epochs * len(keep) / seconds,
                      "test_top1": right / len(x)}))


if __name__ == "__main__":
    main()
