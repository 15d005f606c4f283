#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Inception-v4 (Szegedy et al. 2017, figure 9) under timm's names, whose weights were made for
// pictures scaled to [-1, 1]. Smallest input: 75 x 75.
// Keys: features.{0..21}, last_linear; each convolution has conv and bn.
std::span<const Entry> inception_v4_entries();

}  // namespace fovea::models
