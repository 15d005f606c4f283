#pragma once

#include "fovea/models/registry.h"

namespace fovea::models {

// LeNet-5 (LeCun et al. 1998, section II.B) with ReLU, max pooling and a softmax head: 61,706
// parameters for 28x28x1 and 10 classes. Keys: conv1, conv2, fc1, fc2, fc3.
std::span<const Entry> lenet_entries();

}  // namespace fovea::models
