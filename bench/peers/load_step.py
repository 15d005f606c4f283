#!/usr/bin/env python3
"""Makes batches for training from a folder of JPEGs on one thread, as load_bench.cpp does.

    load_step.py HOW FOLDER [--batch N]

HOW is "pillow" (torchvision's transforms of Pillow's pictures), "torchvision" (its own decoder and
its transforms of tensors) or "opencv". Each reads the file, takes a random part resized to 224,
mirrors it half of the time, and normalises into a batch of f32 that training takes as it is.
"""
import argparse
import glob
import os

import numpy as np

import worker

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def with_torchvision(own_decoder, o):
    import torch
    import torchvision
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    torch.manual_seed(1)
    steps = [v2.RandomResizedCrop(o.size, antialias=True), v2.RandomHorizontalFlip()]
    steps += [] if own_decoder else [v2.ToImage()]
    steps += [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    transform = v2.Compose(steps)

    def load(path):
        if own_decoder:
            picture = torchvision.io.decode_image(path, mode="RGB")
        else:
            picture = torchvision.datasets.folder.pil_loader(path)
        return transform(picture)

    return torchvision.__version__, load, torch.stack, lambda batch: batch.permute(0, 2, 3, 1).numpy()


def with_opencv(o):
    import cv2

    cv2.setNumThreads(1)
    random = np.random.default_rng(1)
    # The result for each of 256 values: quicker than arithmetic on a float picture.
    values = np.arange(256, dtype=np.float32)[:, None] / 255
    table = ((values - np.float32(MEAN)) / np.float32(STD)).reshape(256, 1, 3)

    def part(height, width):
        """torchvision's RandomResizedCrop."""
        for _ in range(10):
            area = height * width * random.uniform(0.08, 1)
            ratio = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
            w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
            if 0 < w <= width and 0 < h <= height:
                return random.integers(height - h + 1), random.integers(width - w + 1), h, w
        w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
        return (height - h) // 2, (width - w) // 2, h, w

    def load(path):
        picture = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
        y, x, h, w = part(*picture.shape[:2])
        picture = cv2.resize(picture[y:y + h, x:x + w], (o.size, o.size))
        if random.random() < 0.5:
            picture = cv2.flip(picture, 1)
        return cv2.LUT(picture, table)

    return cv2.__version__, load, np.stack, lambda batch: batch


def main():
    p = argparse.ArgumentParser()
    p.add_argument("how", choices=("pillow", "torchvision", "opencv"))
    p.add_argument("folder")
    worker.add_arguments(p)
    o = p.parse_args()
    if o.how == "opencv":
        version, load, stack, as_array = with_opencv(o)
    else:
        version, load, stack, as_array = with_torchvision(o.how == "torchvision", o)
    base = worker.memory_mb("VmRSS")
    paths = sorted(glob.glob(os.path.join(o.folder, "**", "*.jpg"), recursive=True))
    order, random = [], np.random.default_rng(2)

    def step():
        nonlocal order
        if len(order) < o.batch:
            order = list(random.permutation(paths))
        chosen, order = order[:o.batch], order[o.batch:]
        return stack([load(str(path)) for path in chosen])

    first = np.concatenate([as_array(step()) for _ in range(o.warmup)]).astype(np.float64)
    statistics = list(first.mean((0, 1, 2))) + list(first.std((0, 1, 2)))
    worker.serve({"version": version, "base_mb": base, "statistics": statistics}, step)


if __name__ == "__main__":
    main()
