#pragma once

#include <cstdint>
#include <span>

#include "fovea/core/tensor.h"

namespace fovea::graph {

// How many of a batch's pictures a plan should take at once: all of them, or a divisor of their
// number, so that the largest step's inputs and results have about 16 MB, though not fewer than
// two pictures. It is all where the weights have more than 24 MB, as each part reads them anew.
// Measured in bench/kernels/08-parts.md.
int64_t pictures_at_once(std::span<const Tensor> outputs, std::span<const Tensor> inputs);

}  // namespace fovea::graph
