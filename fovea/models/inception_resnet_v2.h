#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Inception-ResNet-v2 (Szegedy et al. 2017, figure 15) under timm's names, whose weights were made
// for pictures scaled to [-1, 1]. The stem is that of Inception-v3 and the module behind it joins
// four branches, as in the authors' program and not in the paper. Smallest input: 75 x 75.
// Keys: conv2d_{1a,2a,2b,3b,4a,7b}, mixed_{5b,6a,7a}, repeat, repeat_1, repeat_2, block8, classif;
// each convolution has conv and bn, but the conv2d of a block, which has weight and bias.
std::span<const Entry> inception_resnet_v2_entries();

}  // namespace fovea::models
