#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Residual networks whose batch norm and ReLU stand before each convolution (He et al. 2016,
// "Identity mappings in deep residual networks"), so that nothing but additions lies on the way of
// the shortcuts. For CIFAR with depth 6n + 2 and shortcuts without parameters; preact_resnet18 is
// for ImageNet. The wide ones (Zagoruyko and Komodakis 2016, table 1; depth 6n + 4) have k times
// the channels and may drop out between their two convolutions. Keys: conv1,
// layer{1..4}.{i}.{bn1,conv1,bn2,conv2,shortcut}, bn, fc.
std::span<const Entry> preact_resnet_entries();

}  // namespace fovea::models
