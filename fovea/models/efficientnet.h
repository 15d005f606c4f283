#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Tan and Le 2019, "EfficientNet", table 1: MobileNet's blocks with squeeze-and-excitation and
// SiLU, whose branches are dropped in training with a chance that grows to 0.2. Keys:
// features.{stage}.{i}.block.*, classifier.1, as in torchvision.
std::span<const Entry> efficientnet_entries();

}  // namespace fovea::models
