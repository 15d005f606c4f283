#include "fovea/ops/shape.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/node.h"
#include "fovea/ops/elementwise.h"

namespace fovea {

std::vector<Spec> Reshape::infer(std::span<const Tensor> in) const {
  if (in[0].numel() != to_.numel())
    throw std::invalid_argument(fmt::format(
        "[reshape] expected {} elements for shape {}, got shape {} with {}",
        to_.numel(),
        to_.str(),
        in[0].shape().str(),
        in[0].numel()));
  return {{to_, in[0].dtype()}};
}

std::vector<Tensor> Reshape::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return {reshape(dout[0], in[0].shape())};
}

bool Reshape::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Reshape*>(&other);
  return o && o->to_ == to_;
}

std::vector<Spec> Broadcast::infer(std::span<const Tensor> in) const {
  if (!(broadcast(in[0].shape(), to_, "broadcast_to") == to_))
    throw std::invalid_argument(fmt::format(
        "[broadcast_to] expected a shape that stretches to {}, got {}",
        to_.str(),
        in[0].shape().str()));
  return {{to_, in[0].dtype()}};
}

std::vector<Tensor> Broadcast::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return {sum_to(dout[0], in[0].shape())};
}

bool Broadcast::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Broadcast*>(&other);
  return o && o->to_ == to_;
}

bool Transpose::swaps_last_two() const {
  int n = int(order_.size());
  if (n < 2 || order_[size_t(n - 1)] != n - 2 || order_[size_t(n - 2)] != n - 1) return false;
  for (int i = 0; i + 2 < n; ++i)
    if (order_[size_t(i)] != i) return false;
  return true;
}

std::vector<Spec> Transpose::infer(std::span<const Tensor> in) const {
  std::vector<int> sorted = order_;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int> axes(size_t(in[0].rank()));
  std::iota(axes.begin(), axes.end(), 0);
  if (sorted != axes)
    throw std::invalid_argument(fmt::format(
        "[transpose] expected a permutation of the {} axes of {}, got ({})",
        in[0].rank(),
        in[0].shape().str(),
        fmt::join(order_, ", ")));
  Shape to;
  for (int axis : order_) to.push_back(in[0].shape()[axis]);
  return {{to, in[0].dtype()}};
}

std::vector<Tensor> Transpose::vjp(
    std::span<const Tensor>,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  std::vector<int> back(order_.size());
  for (size_t i = 0; i < order_.size(); ++i) back[size_t(order_[i])] = int(i);
  return {transpose(dout[0], back)};
}

bool Transpose::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Transpose*>(&other);
  return o && o->order_ == order_;
}

Tensor reshape(const Tensor& x, Shape shape) {
  if (shape == x.shape()) return x;
  return Tensor::output_of(std::make_shared<Reshape>(shape), {x});
}

Tensor reshape(const Tensor& x, std::initializer_list<int64_t> dims) {
  Shape shape;
  int open = -1;
  int64_t known = 1;
  for (int64_t extent : dims) {
    if (extent == -1) {
      if (open >= 0) throw std::invalid_argument("[reshape] expected at most one -1");
      open = shape.rank();
      shape.push_back(1);
    } else {
      shape.push_back(extent);
      known *= extent;
    }
  }
  if (open >= 0) shape[open] = known ? x.numel() / known : 0;
  return reshape(x, shape);
}

Tensor flatten(const Tensor& x, int from_axis) {
  Shape shape;
  for (int i = 0; i < from_axis; ++i) shape.push_back(x.dim(i));
  int64_t rest = 1;
  for (int i = from_axis; i < x.rank(); ++i) rest *= x.shape()[i];
  shape.push_back(rest);
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x, int axis) {
  if (x.dim(axis) != 1)
    throw std::invalid_argument(
        fmt::format("[squeeze] expected extent 1 at axis {}, got shape {}", axis, x.shape().str()));
  return reshape(x, x.shape().without(axis));
}

Tensor unsqueeze(const Tensor& x, int axis) {
  int at = axis < 0 ? axis + x.rank() + 1 : axis;
  if (at < 0 || at > x.rank())
    throw std::invalid_argument(
        fmt::format("[unsqueeze] axis {} is out of range for shape {}", axis, x.shape().str()));
  Shape shape;
  for (int i = 0; i <= x.rank(); ++i) {
    if (i == at) shape.push_back(1);
    if (i < x.rank()) shape.push_back(x.shape()[i]);
  }
  return reshape(x, shape);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return Tensor::output_of(std::make_shared<Broadcast>(shape), {x});
}

Tensor transpose(const Tensor& x, std::vector<int> order) {
  for (int& axis : order) axis = x.shape().normalize(axis);
  std::vector<int> same(size_t(x.rank()));
  std::iota(same.begin(), same.end(), 0);
  if (order == same) return x;
  return Tensor::output_of(std::make_shared<Transpose>(std::move(order)), {x});
}

Tensor transpose(const Tensor& x) {
  if (x.rank() < 2)
    throw std::invalid_argument(
        fmt::format("[transpose] expected at least two axes, got shape {}", x.shape().str()));
  std::vector<int> order(size_t(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return transpose(x, order);
}

}  // namespace fovea
