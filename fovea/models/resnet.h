#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// The residual networks for ImageNet (He et al. 2016, table 1) under torchvision's names; the
// bottleneck strides in its 3x3 convolution, as torchvision's does, and in its first 1x1 one, as
// the paper's does, where the name ends in _v1. resnet18_cifar, for small pictures, has a 3x3 stem
// with stride 1 and no max pooling. Keys: conv1, bn1, layer{1..4}.{i}.{conv*,bn*,downsample.{0,1}},
// fc.
std::span<const Entry> resnet_entries();

}  // namespace fovea::models
