#pragma once

#include <span>
#include <string>

#include "fovea/core/tensor.h"

namespace fovea::graph {

struct PrintOptions {
  bool leaves = true;  // parameters, inputs and constants as boxes of their own
};

// The part of the graph below `outputs` that has not run, one line a node in the order it will run:
//   %3 conv2d (8, 32, 32, 16) <- %1, f32 (16, 3, 3, 3)   in layer1.conv
// Numbers count from 1 and do not depend on what ran before, so equal graphs print alike.
std::string print(std::span<const Tensor> outputs);

// The same for Graphviz: `dot -Tsvg`.
std::string to_dot(std::span<const Tensor> outputs, const PrintOptions& o = {});

}  // namespace fovea::graph
