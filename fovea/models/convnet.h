#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Three stages of two 3x3 convolutions (32, 64, 128 channels) with batch norm and ReLU, a 2x2 max
// pooling after the first two, global average pooling and a linear head. Any input size from 8x8.
std::span<const Entry> convnet_entries();

}  // namespace fovea::models
