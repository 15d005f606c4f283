#include "fovea/onnx/call.h"
#include "fovea/ops/elementwise.h"

// Comparisons and what is done with their results.
namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

template <Tensor (*f)(const Tensor&, const Tensor&)>
Values compare(const Call& c) {
  if (c.opset < 7) throw Unsupported("broadcasting of versions before 7");
  Values in{c[0], c[1]};
  const bool last = align(in);
  return {{f(in[0].tensor, in[1].tensor), last}};
}

Values negate(const Call& c) { return {{logical_not(c[0].tensor), c[0].last}}; }

Values choose(const Call& c) {
  Values in{c[0], c[1], c[2]};
  const bool last = align(in);
  return {{where(in[0].tensor, in[1].tensor, in[2].tensor), last}};
}

}  // namespace

std::vector<Operator> logic_operators() {
  return {
      {"Equal", compare<equal>},
      {"Greater", compare<greater>},
      {"GreaterOrEqual", compare<greater_equal>},
      {"Less", compare<less>},
      {"LessOrEqual", compare<less_equal>},
      {"And", compare<logical_and>},
      {"Or", compare<logical_or>},
      {"Xor", compare<not_equal>},
      {"Not", negate},
      {"Where", choose},
  };
}

}  // namespace fovea::onnx
