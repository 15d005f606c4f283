#pragma once

#include <span>

#include "fovea/core/tensor.h"

namespace fovea::graph {

// Evaluates what below `outputs` does not depend on `inputs`, leaves without memory: parameters and
// what follows from them become constants. Returns how many nodes were evaluated.
int fold_constants(std::span<Tensor> outputs, std::span<const Tensor> inputs);

// Lets a convolution do what follows it, where nobody else reads its result: scaling and shifting
// its channels by constants (batch norm at inference, the factors of stochastic depth) goes into
// weights and bias; adding a tensor and ReLU are done as the result is stored. A ReLU after a scale
// and shift joins it, too. Returns how many nodes went.
int fuse(std::span<Tensor> outputs);

}  // namespace fovea::graph
