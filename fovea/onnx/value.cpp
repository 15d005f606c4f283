#include "fovea/onnx/value.h"

#include <algorithm>

#include "fovea/ops/shape.h"

namespace fovea::onnx {

namespace {

// Rank 4 by ones in front.
Tensor with_rank_4(const Tensor& t) {
  Shape shape;
  for (int i = t.rank(); i < 4; ++i) shape.push_back(1);
  for (int64_t extent : t.shape()) shape.push_back(extent);
  return reshape(t, shape);
}

}  // namespace

Shape Value::shape() const {
  const Shape& s = tensor.shape();
  return last ? Shape{s[0], s[3], s[1], s[2]} : s;
}

Tensor Value::plain() const { return last ? to_first(tensor) : tensor; }
Tensor Value::images() const { return last ? tensor : to_last(tensor); }

int Value::axis(int64_t a) const {
  if (a < -rank() || a >= rank())
    throw std::invalid_argument(
        "axis " + std::to_string(a) + " is outside of shape " + shape().str());
  const int i = int(a < 0 ? a + rank() : a);
  constexpr int kept[] = {0, 3, 1, 2};
  return last ? kept[i] : i;
}

// A transposition that moves no element is a reshape, which costs nothing.
Tensor to_last(const Tensor& x) {
  const Shape& s = x.shape();
  if (s.dim(1) == 1 || s.dim(2) * s.dim(3) == 1) return reshape(x, Shape{s[0], s[2], s[3], s[1]});
  return transpose(x, {0, 2, 3, 1});
}

Tensor to_first(const Tensor& x) {
  const Shape& s = x.shape();
  if (s.dim(3) == 1 || s.dim(1) * s.dim(2) == 1) return reshape(x, Shape{s[0], s[3], s[1], s[2]});
  return transpose(x, {0, 3, 1, 2});
}

bool align(std::vector<Value>& values) {
  bool last = std::ranges::any_of(values, &Value::last);
  for (const Value& v : values) last = last && v.rank() <= 4;
  for (Value& v : values) {
    if (last && !v.last && v.rank() > 0) v.tensor = to_last(with_rank_4(v.tensor));
    if (!last) v.tensor = v.plain();
    v.last = last;
  }
  return last;
}

}  // namespace fovea::onnx
