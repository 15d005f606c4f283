#pragma once

#include "fovea/nn/module.h"

namespace fovea::classic {

// What a linear classifier looks for: the gradients of its scores by the pixels of a normalised
// picture, (classes, H, W, C), which for scores f = W x + b are the rows of W (CS231n lecture 2),
// turned back into pixels where a projection comes before W. `input` is (H, W, C). Of a network
// that is not linear they are the gradients at a picture of zeros.
Tensor templates(const nn::Module& net, const Shape& input);

}  // namespace fovea::classic
