#pragma once

#include <span>

#include "fovea/core/tensor.h"

namespace fovea::graph {

// Lets nodes that compute the same thing (equal primitives on the same values) be computed once:
// later ones are replaced by the first, also in `outputs`. Random numbers count as equal when their
// keys are. What a checkpoint() recomputes is merged with the forward pass too, which gives up the
// memory it saved: do not merge such graphs. Returns how many nodes went.
int merge_equal(std::span<Tensor> outputs);

}  // namespace fovea::graph
