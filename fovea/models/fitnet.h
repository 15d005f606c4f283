#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// FitNets 1 and 4 for CIFAR (Romero et al. 2015, appendix): thin and deep students of a wide
// network, 11 and 19 layers of 3x3 convolutions with two maxout pieces each, three poolings, and a
// maxout layer of 500 units; about 250 thousand and 2.5 million parameters.
// Keys: conv{1..}, fc, score.
std::span<const Entry> fitnet_entries();

}  // namespace fovea::models
