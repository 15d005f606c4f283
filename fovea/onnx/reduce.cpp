#include "fovea/ops/reduce.h"

#include <algorithm>
#include <numeric>

#include "fovea/onnx/call.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/join.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"
#include "fovea/ops/softmax.h"
#include "fovea/ops/sort.h"

// Reductions, softmax, and order along an axis.
namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;
using Axes = std::vector<int>;
constexpr ReduceOptions keep{.keep = true};

Tensor sum_of(const Tensor& x, const Axes& axes) { return sum(x, axes, keep); }
Tensor mean_of(const Tensor& x, const Axes& axes) { return mean(x, axes, keep); }
Tensor max_of(const Tensor& x, const Axes& axes) { return max(x, axes, keep); }
Tensor min_of(const Tensor& x, const Axes& axes) { return min(x, axes, keep); }
Tensor l1(const Tensor& x, const Axes& axes) { return sum(abs(x), axes, keep); }
Tensor sum_square(const Tensor& x, const Axes& axes) { return sum(square(x), axes, keep); }
Tensor l2(const Tensor& x, const Axes& axes) { return sqrt(sum(square(x), axes, keep)); }
Tensor log_sum(const Tensor& x, const Axes& axes) { return log(sum(x, axes, keep)); }

Tensor log_sum_exp(const Tensor& x, const Axes& axes) {
  const Tensor top = stop_gradient(max(x, axes, keep));
  return log(sum(exp(x - top), axes, keep)) + top;
}

// Halves are multiplied until one position is left.
Tensor product(const Tensor& x, const Axes& axes) {
  Tensor y = x;
  for (int axis : axes)
    while (y.dim(axis) > 1) {
      const int64_t half = y.dim(axis) / 2;
      const Tensor rest = slice(y, axis, {2 * half, y.dim(axis)});
      y = slice(y, axis, {0, half}) * slice(y, axis, {half, 2 * half});
      if (rest.dim(axis) > 0) y = concat({y, rest}, axis);
    }
  return y;
}

// Without the axes, which have an extent of 1.
Value without(const Value& y, std::vector<int64_t> axes) {
  const Tensor plain = y.plain();
  Shape shape;
  for (int i = 0; i < plain.rank(); ++i)
    if (std::ranges::find(axes, i) == axes.end()) shape.push_back(plain.dim(i));
  return {reshape(plain, shape)};
}

// Non-negative and each once.
std::vector<int64_t> normalised(std::vector<int64_t> axes, const Value& x) {
  for (int64_t& a : axes) {
    x.axis(a);
    if (a < 0) a += x.rank();
  }
  std::ranges::sort(axes);
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  return axes;
}

template <Tensor (*f)(const Tensor&, const Axes&)>
Values reduce(const Call& c) {
  const Value& x = c[0];
  const bool exact = f == sum_of || f == max_of || f == min_of || f == product;
  if (!is_float(x.dtype()) && (!exact || x.dtype() == Dtype::boolean))
    throw Unsupported("numbers of type " + std::string(name_of(x.dtype())));
  if (x.tensor.numel() == 0) throw Unsupported("a reduction of nothing");
  auto axes = normalised(c.integers(1, "axes"), x);
  if (axes.empty()) {
    if (c.integer("noop_with_empty_axes", 0) != 0) {
      if (f != sum_of && f != mean_of && f != max_of && f != min_of && f != product)
        throw Unsupported("noop_with_empty_axes");
      return {{x.tensor, x.last}};
    }
    axes.resize(size_t(x.rank()));
    std::iota(axes.begin(), axes.end(), 0);
  }
  Axes kept;
  for (int64_t a : axes) kept.push_back(x.axis(a));
  std::ranges::sort(kept);
  const Value y{axes.empty() ? x.tensor : cast(f(x.tensor, kept), x.dtype()), x.last};
  return {c.integer("keepdims", 1) != 0 ? y : without(y, axes)};
}

template <bool largest>
Values arg(const Call& c) {
  const Value& x = c[0];
  const int64_t axis = c.integer("axis", 0);
  const int at = x.axis(axis);
  const bool final = c.integer("select_last_index", 0) != 0;
  const Tensor from = final ? flip(x.tensor, {at}) : x.tensor;
  Tensor index = cast(largest ? argmax(from, at, keep) : argmin(from, at, keep), Dtype::i64);
  if (final) index = cast(neg(cast(index, Dtype::f64)) + double(x.tensor.dim(at) - 1), Dtype::i64);
  const Value y{index, x.last};
  return {c.integer("keepdims", 1) != 0 ? y : without(y, normalised({axis}, x))};
}

Values top_k(const Call& c) {
  const Value& x = c[0];
  const int64_t k = c.opset < 10 ? c.integer("k", 0) : c.held(1).at(0);
  const int axis = x.axis(c.integer("axis", -1));
  const TopK r = topk(x.tensor, k, {.axis = axis, .largest = c.integer("largest", 1) != 0});
  return {{r.values, x.last}, {cast(r.indices, Dtype::i64), x.last}};
}

// 1 at the first of the largest, else 0.
Tensor hardmax(const Tensor& x, int axis) {
  const int at = x.shape().normalize(axis);
  Shape along;
  for (int i = 0; i < x.rank(); ++i) along.push_back(i == at ? x.dim(at) : 1);
  const Tensor places = reshape(arange(x.dim(at), Dtype::i32), along);
  return cast(equal(places, argmax(x, at, keep)), x.dtype());
}

// Before version 13 all axes from `axis` on count as one.
template <Tensor (*f)(const Tensor&, int)>
Values soft(const Call& c) {
  const Value& x = c[0];
  const int64_t axis = c.integer("axis", c.opset < 13 ? 1 : -1);
  const int at = x.axis(axis);
  if (c.opset >= 13) return {{f(x.tensor, at), x.last}};
  const Tensor plain = x.plain();
  int64_t rows = 1;
  for (int i = 0; i < (axis < 0 ? axis + x.rank() : axis); ++i) rows *= plain.dim(i);
  const int64_t columns = rows > 0 ? plain.numel() / rows : 0;
  return {{reshape(f(reshape(plain, Shape{rows, columns}), -1), plain.shape())}};
}

}  // namespace

std::vector<Operator> reduce_operators() {
  constexpr std::string_view attributes = "axes keepdims noop_with_empty_axes";
  constexpr std::string_view arg_attributes = "axis keepdims select_last_index";
  return {
      {"ReduceSum", reduce<sum_of>, attributes},
      {"ReduceMean", reduce<mean_of>, attributes},
      {"ReduceMax", reduce<max_of>, attributes},
      {"ReduceMin", reduce<min_of>, attributes},
      {"ReduceProd", reduce<product>, attributes},
      {"ReduceL1", reduce<l1>, attributes},
      {"ReduceL2", reduce<l2>, attributes},
      {"ReduceSumSquare", reduce<sum_square>, attributes},
      {"ReduceLogSum", reduce<log_sum>, attributes},
      {"ReduceLogSumExp", reduce<log_sum_exp>, attributes},
      {"ArgMax", arg<true>, arg_attributes},
      {"ArgMin", arg<false>, arg_attributes},
      {"TopK", top_k, "axis k largest sorted"},
      {"Softmax", soft<softmax>, "axis"},
      {"LogSoftmax", soft<log_softmax>, "axis"},
      {"Hardmax", soft<hardmax>, "axis"},
  };
}

}  // namespace fovea::onnx
