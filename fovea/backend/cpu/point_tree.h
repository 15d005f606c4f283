#pragma once

#include <span>

#include "fovea/ops/nearest.h"

namespace fovea::cpu {

// The kernel of Nearest where a PointTree is given: x, points, order and radii to indices and
// distances.
void search_tree(const NearestOptions& o, std::span<const Tensor> in, std::span<Tensor> out);

}  // namespace fovea::cpu
