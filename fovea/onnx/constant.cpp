#include <cmath>

#include <fmt/format.h>

#include "fovea/onnx/call.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"

namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

Values constant(const Call& c) {
  for (const auto& [name, a] : c.node.attributes) {
    if (name == "value") return {{a.tensor, false, true}};
    if (name == "value_int") return {known_integers({c.integer("value_int", 0)}, {})};
    if (name == "value_ints") {
      const auto v = c.integers("value_ints");
      return {known_integers(v, {int64_t(v.size())})};
    }
    if (name == "value_float") return {{Tensor::from<float>({a.number}, {}), false, true}};
    if (name == "value_floats")
      return {{Tensor::from<float>(a.numbers, {int64_t(a.numbers.size())}), false, true}};
  }
  throw std::invalid_argument("expected a value");
}

// Refuses shapes that no sound graph asks for, before memory is taken.
Shape sound(const std::vector<int64_t>& extents) {
  int64_t count = 1;
  for (int64_t n : extents)
    if (n < 0 || __builtin_mul_overflow(count, n, &count) || count > int64_t(1) << 31)
      throw std::invalid_argument(fmt::format("a shape of ({})", fmt::join(extents, ", ")));
  return Shape(extents);
}

Values constant_of_shape(const Call& c) {
  const Shape shape = sound(c.held(0));
  Tensor value = zeros({});
  if (auto it = c.node.attributes.find("value"); it != c.node.attributes.end()) {
    value = it->second.tensor;
    if (value.is_empty() || value.numel() != 1)
      throw std::invalid_argument("value: expected one element");
  }
  return {{broadcast_to(reshape(value, Shape{}), shape), false, true}};
}

Values range(const Call& c) {
  const Dtype dtype = c[0].dtype();
  const double start = c.numbers(0).at(0), limit = c.numbers(1).at(0), step = c.numbers(2).at(0);
  const double count = std::max(0.0, std::ceil((limit - start) / step));
  if (!(count < double(1 << 28))) throw std::invalid_argument("too long a range");
  const Tensor steps = arange(int64_t(count), Dtype::f64);
  return {{cast(steps * step + start, dtype), false, true}};
}

}  // namespace

std::vector<Operator> constant_operators() {
  return {
      {"Constant", constant, "value value_float value_floats value_int value_ints"},
      {"ConstantOfShape", constant_of_shape, "value"},
      {"Range", range},
  };
}

}  // namespace fovea::onnx
