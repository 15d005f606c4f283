#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Iandola et al. 2016: modules that squeeze to few channels by a 1x1 convolution and expand by 1x1
// and 3x3 ones side by side; the scores are the mean of a last convolution's maps. 1.0 is the
// network of the paper, 1.1 the later one with 2.4 times fewer multiply-adds. As in torchvision,
// the last convolution has no padding; the authors' 1.0 has 1. Keys:
// features.{i}.{squeeze,expand1x1,expand3x3}, classifier.1, numbered as in torchvision.
std::span<const Entry> squeezenet_entries();

}  // namespace fovea::models
