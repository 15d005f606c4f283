#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// Huang et al. 2017, "Densely connected convolutional networks": every layer of a block sees what
// all layers before it gave, adds k channels through a 1x1 and a 3x3 convolution, each behind batch
// norm and ReLU; between blocks channels and sides are halved. DenseNet-BC of table 1 under
// torchvision's names, and densenet_bc100_12 for CIFAR (100 layers, k = 12). Keys:
// features.{conv0,norm0}, features.denseblock{b}.denselayer{l}.{norm1,conv1,norm2,conv2},
// features.transition{b}.{norm,conv}, features.norm{b}, classifier.
std::span<const Entry> densenet_entries();

}  // namespace fovea::models
