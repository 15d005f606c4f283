#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// The residual networks for ImageNet (He et al. 2016, table 1) under torchvision's names; the
// bottleneck strides in its 3x3 convolution, as torchvision's does. Depth 18, 34, 50, 101 or 152.
// Keys: conv1, bn1, layer{1..4}.{i}.{conv*,bn*,downsample.{0,1}}, fc.
std::unique_ptr<nn::Module> make_resnet(int depth, const MakeOptions& o);

// ResNet-18 for small images: a 3x3 stem with stride 1 and no max pooling.
std::unique_ptr<nn::Module> make_resnet18_cifar(const MakeOptions& o);

}  // namespace fovea::models
