#pragma once

#include <optional>

#include "fovea/onnx/graph.h"

namespace fovea::onnx {

// The graph `m` of pictures (1, C, H, W) for any number of them, or nothing where it would not be
// the same: exporters write the batch of their example into the targets of Reshape. `net` is the
// graph as it is, `image` (H, W, C); both are compared on noise.
std::optional<formats::OnnxModel> with_any_batch(
    const formats::OnnxModel& m, const Graph& net, const Shape& image);

}  // namespace fovea::onnx
