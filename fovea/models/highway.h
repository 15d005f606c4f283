#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Highway networks (Srivastava et al. 2015, "Training very deep networks"): layers
// y = H(x) T(x) + x (1 - T(x)) with H a ReLU and T a sigmoid layer whose bias begins at -2, so that
// at first most of x is carried on. highway has 20 layers of 50 units behind pictures laid flat
// (section 3.1). highway_cifar, whose shape is ours, has three stages of four 3x3 convolutional
// ones behind a plain convolution each. Keys: fc or conv{1..3}, highway{i}.{h,t}, score.
std::span<const Entry> highway_entries();

}  // namespace fovea::models
