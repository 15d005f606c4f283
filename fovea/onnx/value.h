#pragma once

#include <vector>

#include "fovea/core/tensor.h"

// How the importer keeps what flows between operators.
namespace fovea::onnx {

// A tensor of an ONNX graph. What the file calls (N, C, H, W) may be kept as (N, H, W, C); axes and
// shapes below are the file's.
struct Value {
  Tensor tensor;
  bool last = false;   // kept with channels last; rank 4 only
  bool known = false;  // does not depend on what the inputs hold

  bool is_empty() const { return tensor.is_empty(); }
  int rank() const { return tensor.rank(); }
  Dtype dtype() const { return tensor.dtype(); }
  Shape shape() const;
  Tensor plain() const;   // in the file's layout
  Tensor images() const;  // (N, H, W, C), for rank 4

  // The kept axis that is the file's axis `a`, which may be negative.
  int axis(int64_t a) const;
};

Tensor to_last(const Tensor& nchw);
Tensor to_first(const Tensor& nhwc);

// All in one layout, so that they may be broadcast against each other: channels last if one of them
// is kept so and none has more than four axes. Says which.
bool align(std::vector<Value>& values);

}  // namespace fovea::onnx
