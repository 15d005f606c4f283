#include "fovea/ops/reduce.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/operands.h"
#include "fovea/ops/shape.h"

namespace fovea {

namespace {

const char* name_of(ReduceOp op) {
  return op == ReduceOp::sum ? "sum" : op == ReduceOp::max ? "max" : "min";
}

// Sorted, non-negative, without repeats; all axes for an empty list.
std::vector<int> normalized(const Tensor& x, std::vector<int> axes, const char* op) {
  if (axes.empty()) {
    axes.resize(size_t(x.rank()));
    std::iota(axes.begin(), axes.end(), 0);
    return axes;
  }
  for (int& axis : axes) axis = x.shape().normalize(axis);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    throw std::invalid_argument(fmt::format("[{}] expected each axis once", op));
  return axes;
}

Shape kept_shape(const Shape& s, const std::vector<int>& axes) {
  Shape kept = s;
  for (int axis : axes) kept[axis] = 1;
  return kept;
}

Tensor drop(const Tensor& kept, const std::vector<int>& axes) {
  Shape s;
  for (int i = 0; i < kept.rank(); ++i)
    if (!std::binary_search(axes.begin(), axes.end(), i)) s.push_back(kept.shape()[i]);
  return reshape(kept, s);
}

Tensor reduce(ReduceOp op, const Tensor& x, std::vector<int> axes, bool keep) {
  axes = normalized(x, std::move(axes), name_of(op));
  if (axes.empty()) return x;  // a scalar
  Tensor y = Tensor::output_of(std::make_shared<Reduce>(op, axes), {x});
  return keep ? y : drop(y, axes);
}

int64_t count_of(const Tensor& x, const std::vector<int>& axes) {
  int64_t n = 1;
  for (int axis : axes) n *= x.shape()[axis];
  return n;
}

// Spreads dy (kept axes) to the first element of x that equals y, its maximum or minimum.
Tensor route_to_first(
    const Tensor& x, const Tensor& dy, const std::vector<int>& axes, bool largest) {
  // Reduced axes go last and become one, where argmax picks the first.
  std::vector<int> order;
  for (int i = 0; i < x.rank(); ++i)
    if (!std::binary_search(axes.begin(), axes.end(), i)) order.push_back(i);
  Shape rows;
  for (int i : order) rows.push_back(x.shape()[i]);
  order.insert(order.end(), axes.begin(), axes.end());
  Tensor moved = transpose(x, order);
  Shape moved_shape = moved.shape();
  int64_t n = count_of(x, axes);
  Tensor flat = reshape(moved, Shape{rows.numel(), n});
  Tensor index = largest ? argmax(flat, 1, {.keep = true}) : argmin(flat, 1, {.keep = true});
  Tensor hit = equal(arange(n, Dtype::i32, x.device()), index);
  Tensor g = where(hit, reshape(dy, Shape{rows.numel(), 1}), scalar_like(dy, 0));
  std::vector<int> back(order.size());
  for (size_t i = 0; i < order.size(); ++i) back[size_t(order[i])] = int(i);
  return transpose(reshape(g, moved_shape), back);
}

}  // namespace

std::string_view Reduce::name() const { return name_of(op_); }

std::vector<Spec> Reduce::infer(std::span<const Tensor> in) const {
  Dtype dtype = in[0].dtype();
  if (op_ == ReduceOp::sum && !is_float(dtype)) dtype = Dtype::i64;
  if (op_ != ReduceOp::sum && count_of(in[0], axes_) == 0)
    throw std::invalid_argument(fmt::format(
        "[{}] has no value over an empty axis, got shape {}", name(), in[0].shape().str()));
  return {{kept_shape(in[0].shape(), axes_), dtype}};
}

std::vector<Tensor> Reduce::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  if (op_ == ReduceOp::sum) return {broadcast_to(dout[0], in[0].shape())};
  return {route_to_first(in[0], dout[0], axes_, op_ == ReduceOp::max)};
}

bool Reduce::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Reduce*>(&other);
  return o && o->op_ == op_ && o->axes_ == axes_;
}

std::vector<Spec> ArgReduce::infer(std::span<const Tensor> in) const {
  if (in[0].shape()[axis_] == 0)
    throw std::invalid_argument(fmt::format(
        "[{}] has no value over an empty axis, got shape {}", name(), in[0].shape().str()));
  return {{in[0].shape().with(axis_, 1), Dtype::i32}};
}

bool ArgReduce::same(const Primitive& other) const {
  auto* o = dynamic_cast<const ArgReduce*>(&other);
  return o && o->largest_ == largest_ && o->axis_ == axis_;
}

Tensor sum(const Tensor& x, std::vector<int> axes, const ReduceOptions& o) {
  return reduce(ReduceOp::sum, x, std::move(axes), o.keep);
}

Tensor mean(const Tensor& x, std::vector<int> axes, const ReduceOptions& o) {
  axes = normalized(x, std::move(axes), "mean");
  return sum(x, axes, o) * (1.0 / double(count_of(x, axes)));
}

Tensor var(const Tensor& x, std::vector<int> axes, const VarOptions& o) {
  axes = normalized(x, std::move(axes), "var");
  Tensor centred = x - mean(x, axes, {.keep = true});
  return sum(square(centred), axes, {.keep = o.keep}) *
         (1.0 / double(count_of(x, axes) - o.correction));
}

Tensor max(const Tensor& x, std::vector<int> axes, const ReduceOptions& o) {
  return reduce(ReduceOp::max, x, std::move(axes), o.keep);
}

Tensor min(const Tensor& x, std::vector<int> axes, const ReduceOptions& o) {
  return reduce(ReduceOp::min, x, std::move(axes), o.keep);
}

namespace {

Tensor arg_reduce(bool largest, const Tensor& x, int axis, bool keep) {
  axis = x.shape().normalize(axis);
  Tensor y = Tensor::output_of(std::make_shared<ArgReduce>(largest, axis), {x});
  return keep ? y : reshape(y, x.shape().without(axis));
}

}  // namespace

Tensor argmax(const Tensor& x, int axis, const ReduceOptions& o) {
  return arg_reduce(true, x, axis, o.keep);
}

Tensor argmin(const Tensor& x, int axis, const ReduceOptions& o) {
  return arg_reduce(false, x, axis, o.keep);
}

}  // namespace fovea
