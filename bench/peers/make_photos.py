#!/usr/bin/env python3
"""Makes a folder of JPEGs like ImageNet's out of the photographs of DATA/test_images.

    make_photos.py DATA FOLDER

Writes FOLDER/{left,right}/NNN.jpg: parts of the photographs at random, about 500 by 375 or upright,
quality 90.
"""
import glob
import os
import random
import sys

from PIL import Image

COUNT = 128
SKIPPED = ("cell", "horse", "microaneurysms")  # flat drawings and a tiny one


def main():
    data, folder = sys.argv[1:]
    found = sorted(glob.glob(os.path.join(data, "test_images", "*.[jp][pn]g")))
    found = [f for f in found if not os.path.basename(f).startswith(SKIPPED)]
    if not found:
        sys.exit(f"make_photos.py: {data}/test_images has no photographs; the loading case needs "
                 "them: --data names another folder, --only leaves the case out")
    photos = [Image.open(f).convert("RGB") for f in found]
    draw = random.Random(1)
    for i in range(COUNT):
        photo = photos[i % len(photos)]
        height, width = draw.randint(330, 375), draw.randint(480, 500)
        if i % 4 == 3:
            height, width = width, height
        share = min(photo.width / width, photo.height / height) * draw.uniform(0.7, 1)
        w, h = int(width * share), int(height * share)
        x, y = draw.randint(0, photo.width - w), draw.randint(0, photo.height - h)
        part = photo.resize((width, height), Image.BICUBIC, (x, y, x + w, y + h))
        path = os.path.join(folder, "left" if i % 2 else "right", f"{i:03d}.jpg")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        part.save(path, quality=90)


if __name__ == "__main__":
    main()
