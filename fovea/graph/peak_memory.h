#pragma once

#include <cstdint>
#include <span>

#include "fovea/core/tensor.h"

namespace fovea::graph {

// The most bytes of tensors that evaluating `outputs` will hold at once, beyond those that are in
// memory already; nothing runs. It follows the evaluator: a buffer goes with its last consumer,
// views take none, and an op writes over an input where it may. Scratch memory of kernels is not
// counted.
int64_t peak_memory(std::span<const Tensor> outputs);

}  // namespace fovea::graph
