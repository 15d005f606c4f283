#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// The networks of Simonyan and Zisserman 2015, table 1: five stages of 3x3 convolutions with a 2x2
// max pooling behind each, and three linear layers with dropout. 11 layers are configuration A, 13
// are B, 16 are D, 19 are E, and vgg16_c is C, whose third convolutions are 1x1. Batch norm is
// torchvision's addition. Other sizes than 224 are averaged to 7x7 before the first linear layer.
// Keys: features.{i}, classifier.{0,3,6}, numbered as in torchvision, which counts ReLUs too.
std::span<const Entry> vgg_entries();

}  // namespace fovea::models
