#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// The residual networks for CIFAR-10 of He et al. 2016, section 4.2, with depth 6n + 2 and
// parameter-free shortcuts (option A: every other pixel, new channels zero). resnet110_sd trains
// with stochastic depth, the survival of the blocks falling to 1/2. Keys: conv1, bn1,
// layer{1,2,3}.{i}.{conv1,bn1,conv2,bn2}, linear.
std::span<const Entry> resnet_cifar_entries();

}  // namespace fovea::models
