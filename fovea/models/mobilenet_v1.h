#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Howard et al. 2017, table 1, width 1: a strided 3x3 convolution and 13 depthwise-separable ones,
// each a 3x3 convolution of every channel alone and a 1x1 that mixes them, with batch norm and ReLU
// behind both. Keys as timm's mobilenetv1_100 (which has ReLU6): conv_stem, bn1,
// blocks.{stage}.{i}.{conv_dw,bn1,conv_pw,bn2}, classifier.
std::span<const Entry> mobilenet_v1_entries();

}  // namespace fovea::models
