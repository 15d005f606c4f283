#pragma once

#include <span>
#include <vector>

#include "fovea/ops/nearest.h"

namespace fovea::cpu {

// The points of a tree, in its order, in panels of as many as a vector holds: element (i, k) stands
// at ((i / width) D + k) width + i % width.
struct TreePanels {
  int64_t width = 0;
  std::vector<float> values = {};
};
TreePanels panels_of(const Tensor& points);

// The kernel of Nearest where a PointTree is given: x, points, order and radii to indices and
// distances.
void search_tree(
    const NearestOptions& o,
    const TreePanels& panels,
    std::span<const Tensor> in,
    std::span<Tensor> out);

}  // namespace fovea::cpu
