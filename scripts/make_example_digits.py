#!/usr/bin/env python3
"""Writes examples/digits/0.png to 9.png: the first test picture of each embedded digit.

usage: scripts/make_example_digits.py    # needs python3-pil
"""
import pathlib
import zlib

from PIL import Image

ROOT = pathlib.Path(__file__).parent.parent
TRAIN, TEST, PIXELS = 10000, 2000, 784

raw = zlib.decompress((ROOT / "fovea/data/assets/digits.bin").read_bytes())
labels = raw[(TRAIN + TEST) * PIXELS + TRAIN :]
folder = ROOT / "examples/digits"
folder.mkdir(exist_ok=True)
for digit in range(10):
    at = (TRAIN + labels.index(digit)) * PIXELS
    picture = Image.frombytes("L", (28, 28), raw[at : at + PIXELS])
    picture.save(folder / f"{digit}.png", optimize=True)
