#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Sandler et al. 2018, table 2, width 1: blocks that widen by a 1x1 convolution, filter each
// channel alone by a 3x3 and narrow by a 1x1 without activation, with a shortcut between the narrow
// ends of equal shape; batch norm everywhere, ReLU6. Keys: features.{i}.conv.*, classifier.1, as in
// torchvision.
std::span<const Entry> mobilenet_v2_entries();

}  // namespace fovea::models
