#!/usr/bin/env python3
"""Trains recipes/vgg-cifar10.toml in PyTorch and prints its test accuracy and time as JSON.

    bench/peers/torch_cifar.py DATA [--epochs N | --seconds S] [--threads 2] [--layout nhwc]

DATA holds cifar10_jpeg_train.zip and cifar10_jpeg_test.zip, a folder a class in each. The pictures
are decoded before the clock starts, and augmented a batch at a time. The clock counts the epochs of
training alone. --seconds trains as many epochs as fit into that time, by the speed of a few steps.
"""
import argparse
import copy
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


def build(specs):
    """The layers of a recipe that has convolutions, norms, ReLUs and pools, and one linear layer."""
    layers, c = [], 3
    for spec in specs:
        kind = spec["type"]
        if kind == "conv":
            conv = nn.Conv2d(c, spec["out"], 3, padding=1, bias="norm" not in spec)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
            layers.append(conv)
            c = spec["out"]
            if "norm" in spec:
                layers += [nn.BatchNorm2d(c), nn.ReLU(inplace=True)]
        elif kind == "norm":
            layers.append(nn.BatchNorm2d(c))
        elif kind == "act":
            layers.append(nn.ReLU(inplace=True))
        elif kind == "max_pool":
            layers.append(nn.MaxPool2d(2))
        elif kind == "global_pool":
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        elif kind == "linear":
            layers.append(nn.Linear(c, spec["out"]))
        else:
            raise SystemExit(f"torch_cifar.py: a layer it does not know: {kind}")
    return nn.Sequential(*layers)


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
    p.add_argument("--seconds", type=float, help="as many epochs as fit")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--layout", choices=("nchw", "nhwc"), default="nhwc")
    o = p.parse_args()
    with open(os.path.join(HERE, "../../recipes/vgg-cifar10.toml"), "rb") as f:
        recipe = tomllib.load(f)
    train, optimizer = recipe["train"], recipe["optimizer"]
    padding = next(a["padding"] for a in recipe["augment"] if a["type"] == "random_crop")
    batch = train["batch"]
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

    net = build(recipe["model"]["layers"])
    net = net.to(memory_format=layout).train()
    sgd = torch.optim.SGD(net.parameters(), lr=optimizer["lr"], momentum=optimizer["momentum"],
                          nesterov=optimizer["nesterov"], weight_decay=optimizer["weight_decay"])
    steps = len(x) // batch  # the rest of an epoch is left out, as fovea does

    def step(chosen):
        loss = F.cross_entropy(net(normalized(augment(x[chosen], padding))), labels[chosen],
                               label_smoothing=train["label_smoothing"])
        sgd.zero_grad(set_to_none=True)
        loss.backward()
        sgd.step()

    def order():
        return torch.randperm(len(x))[: steps * batch].split(batch)

    epochs = o.epochs or train["epochs"]
    if o.seconds:
        begun = copy.deepcopy((net.state_dict(), sgd.state_dict()))
        batches = order()
        for chosen in batches[:5]:
            step(chosen)
        begin = time.perf_counter()
        for chosen in batches[5:25]:
            step(chosen)
        epochs = max(1, round(o.seconds / (steps * (time.perf_counter() - begin) / 20)))
        net.load_state_dict(begun[0])
        sgd.load_state_dict(begun[1])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        sgd, optimizer["lr"], total_steps=epochs * steps, pct_start=recipe["schedule"]["rise"],
        cycle_momentum=False)
    start = time.perf_counter()
    for _ in range(epochs):
        for chosen in order():
            step(chosen)
            schedule.step()
    seconds = time.perf_counter() - start

    net.eval()
    x, labels = read_zip(os.path.join(o.data, "cifar10_jpeg_test.zip"))
    with torch.inference_mode():
        right = sum((net(normalized(part)).argmax(1) == truth).sum().item()
                    for part, truth in zip(x.split(500), labels.split(500)))
    print(json.dumps({"version": torch.__version__, "epochs": epochs, "seconds": seconds,
                      "images_per_second": epochs * steps * batch / seconds,
                      "test_top1": right / len(x)}))


if __name__ == "__main__":
    main()
