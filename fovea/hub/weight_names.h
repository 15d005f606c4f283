#pragma once

#include "fovea/core/tree.h"

namespace fovea::hub {

// Weights under the names that torchvision gives them today, in PyTorch's layout:
//   torchvision's files of DenseNets   denselayer1.norm.1.weight -> denselayer1.norm1.weight
//   timm's VGGs                        pre_logits.fc1 -> classifier.0, pre_logits.fc2 ->
//                                      classifier.3, head.fc -> classifier.6; the first two are
//                                      convolutions over all of their input there, and matrices
//                                      here
//   timm's MobileNets v2 and v3, EfficientNet-B0 and ConvNeXt-Tiny   see timm_names.h
// Other names stay.
Tree with_our_names(const Tree& tree);

}  // namespace fovea::hub
