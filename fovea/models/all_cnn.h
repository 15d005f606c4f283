#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// All-CNN-C for CIFAR (Springenberg et al. 2015, tables 1 and 2): convolutions alone, of stride 2
// where others pool, the mean of the last maps for scores. The seventh is not padded, which gives
// the paper's 6 x 6. Dropout of 20% of the picture and of half behind each stride.
// Keys: features.{i}, each convolution's number in the list that counts dropouts.
std::span<const Entry> all_cnn_entries();

}  // namespace fovea::models
