#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Inception-v3 (Szegedy et al. 2016, table 1) as torchvision has it, whose weights were made for
// pictures scaled to [-1, 1]. The auxiliary head behind the last module of the middle stage runs in
// training only, its loss times 0.3. Smallest input: 75 x 75.
// Keys: Conv2d_{1a_3x3,...}, Mixed_{5b..7c}.branch*, AuxLogits.{conv0,conv1,fc}, fc; each
// convolution has conv and bn.
std::span<const Entry> inception_v3_entries();

}  // namespace fovea::models
