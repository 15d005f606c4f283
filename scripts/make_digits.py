#!/usr/bin/env python3
"""Packs the first pictures of MNIST into fovea/data/assets/digits.bin (see the README there).

usage: scripts/make_digits.py MNIST_DIR    # with train-images-idx3-ubyte.gz and its three siblings
"""
import gzip
import pathlib
import sys
import zlib


def idx(path, header, record, count):
    with gzip.open(path) as f:
        f.seek(header)
        return f.read(record * count)


def main(root):
    parts = [("train", 10000), ("t10k", 2000)]
    raw = b"".join(idx(root / f"{p}-images-idx3-ubyte.gz", 16, 784, n) for p, n in parts)
    raw += b"".join(idx(root / f"{p}-labels-idx1-ubyte.gz", 8, 1, n) for p, n in parts)
    assert len(raw) == 12000 * 785
    pack = zlib.compressobj(9, zlib.DEFLATED, 15, 9)
    out = pathlib.Path(__file__).parent.parent / "fovea/data/assets/digits.bin"
    out.write_bytes(pack.compress(raw) + pack.flush())
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
