#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Liu et al. 2022, "A ConvNet for the 2020s": stages of blocks with a 7x7 filter for each channel
// alone, layer norm over the channels and two linear layers with GELU between, whose result is
// scaled channel by channel and, in training, dropped with a chance that grows to 0.1. Keys:
// features.{i}.{j}.{layer_scale,block.{0,2,3,5}}, classifier.{0,2}, as in torchvision.
std::span<const Entry> convnext_entries();

}  // namespace fovea::models
