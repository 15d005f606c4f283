#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Network in network (Lin et al. 2014): convolutions each followed by two 1x1 ones, ReLU behind
// every one (equation 2), and the mean of the last maps for scores (section 3.2). nin is the
// authors' network for ImageNet, four such blocks of 96, 256, 384 and 1024 channels; nin_cifar has
// three of 192 (section 4.2), with the mean in place of the maximum in its second pooling, as their
// program has it.
// Keys: mlpconv{1..4}.{0,1,2}.
std::span<const Entry> nin_entries();

}  // namespace fovea::models
