#!/usr/bin/env python3
"""Writes fovea/hub/torchvision_table.cpp and imagenet_classes.cpp: what the installed torchvision
(0.29 was used) records of the files of weights of the networks that `fovea models` has.

    python3 scripts/make_torchvision_table.py build/release/cli/fovea
"""
import json
import pathlib
import subprocess
import sys

from torchvision import models
from torchvision.models._meta import _IMAGENET_CATEGORIES
from torchvision.transforms import InterpolationMode

HUB = pathlib.Path(__file__).resolve().parent.parent / "fovea" / "hub"
BASE = "https://download.pytorch.org/models/"
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
FILTERS = {InterpolationMode.BILINEAR: "bilinear", InterpolationMode.BICUBIC: "bicubic"}


def rows(fovea):
    listed = json.loads(subprocess.check_output([fovea, "models", "--json"]))
    for entry in listed:
        if not entry["torchvision"]:
            continue
        name = entry["torchvision"]["model"]
        family = models.get_model_weights(name)
        for weights in family:
            if weights.meta.get("categories") != _IMAGENET_CATEGORIES:
                continue  # VGG's features without a classifier
            p = weights.transforms()
            assert weights.url.startswith(BASE) and p.mean == MEAN and p.std == STD, weights
            # These two take pictures normalised by 0.5 and 0.5: torchvision's forward() turns the
            # normalised input into that (transform_input).
            halves = name in ("googlenet", "inception_v3")
            yield " ".join([
                name, weights.name, weights.url[len(BASE):], str(p.resize_size[0]),
                str(p.crop_size[0]), FILTERS[p.interpolation], "halves" if halves else "imagenet",
                "default" if weights == family.DEFAULT else "-"])


def wrapped(names, width=88):
    line, lines = "", []
    for name in names:
        assert "|" not in name
        if len(line) + len(name) > width:
            lines.append(line[:-1])
            line = ""
        line += name + "|"
    return lines + [line[:-1]]


def write(name, comment, function, lines):
    (HUB / name).write_text(f"""// Written by scripts/make_torchvision_table.py.
#include "fovea/hub/torchvision_table.h"

namespace fovea::hub {{

// {comment}
std::string_view {function}() {{
  return R"({chr(10).join(lines)})";
}}

}}  // namespace fovea::hub
""")


write("torchvision_table.cpp",
      "Model, weights, file, short side, size, interpolation, mean and std, default or not.",
      "torchvision_rows", rows(sys.argv[1]))
write("imagenet_classes.cpp",
      "The 1000 classes in the order of the scores, between bars and ends of lines.",
      "imagenet_names", wrapped(_IMAGENET_CATEGORIES))
