#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// ESPNet with two modules on the second level and eight on the third. Keys as in the authors' code
// (github.com/sacmehta/ESPNet): encoder.level2.0.d1.conv.weight. It has scores for each pixel,
// (N, H, W, classes), and wants pictures whose sides are multiples of 8.
std::span<const Entry> espnet_entries();

}  // namespace fovea::models
