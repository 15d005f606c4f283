#include "fovea/ops/index.h"

#include "fovea/onnx/call.h"
#include "fovea/ops/elementwise.h"

namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

// Negative indices count from the end.
Tensor wrapped(const Tensor& index, int64_t extent) {
  if (index.dtype() != Dtype::i32 && index.dtype() != Dtype::i64)
    throw std::invalid_argument("indices of type " + std::string(name_of(index.dtype())));
  return where(less(index, Tensor(0.0)), index + double(extent), index);
}

Values gather_positions(const Call& c) {
  const Value& x = c[0];
  const Value& index = c[1];
  const int64_t axis = c.integer("axis", 0);
  if (index.rank() == 1) {
    const int at = x.axis(axis);
    return {{take(x.tensor, wrapped(index.plain(), x.tensor.dim(at)), at), x.last}};
  }
  const Tensor plain = x.plain();
  const int at = plain.shape().normalize(int(axis));
  return {{take(plain, wrapped(index.plain(), plain.dim(at)), at)}};
}

Values gather_elements(const Call& c) {
  const Tensor x = c[0].plain();
  const int axis = x.shape().normalize(int(c.integer("axis", 0)));
  return {{gather(x, wrapped(c[1].plain(), x.dim(axis)), axis)}};
}

}  // namespace

std::vector<Operator> index_operators() {
  return {
      {"Gather", gather_positions, "axis"},
      {"GatherElements", gather_elements, "axis", 11},
  };
}

}  // namespace fovea::onnx
