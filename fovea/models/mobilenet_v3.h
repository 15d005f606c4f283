#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Howard et al. 2019, "Searching for MobileNetV3", tables 1 and 2: blocks found by search, some
// with squeeze-and-excitation, ReLU in the first and hard swish in the later ones. Keys:
// features.{i}.block.*, classifier.{0,3}, as in torchvision.
std::span<const Entry> mobilenet_v3_entries();

}  // namespace fovea::models
