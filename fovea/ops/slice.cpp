#include "fovea/ops/slice.h"

#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/ops/shape.h"

namespace fovea {

namespace {

std::vector<Steps> whole(const Shape& shape) {
  std::vector<Steps> steps;
  for (int64_t extent : shape) steps.push_back({0, extent, 1});
  return steps;
}

Steps steps_of(const Range& r, const Shape& shape, int axis) {
  int64_t extent = shape[axis];
  int64_t start = r.start < 0 ? r.start + extent : r.start;
  int64_t stop = r.stop == Range::end ? extent : r.stop < 0 ? r.stop + extent : r.stop;
  if (start < 0 || start > extent || stop < 0 || stop > extent)
    throw std::invalid_argument(fmt::format(
        "[slice] expected bounds within 0..{} on axis {} of shape {}, got {} to {}",
        extent,
        axis,
        shape.str(),
        r.start,
        r.stop == Range::end ? extent : r.stop));
  if (r.step < 1)
    throw std::invalid_argument(fmt::format(
        "[slice] expected a step of at least 1, got {}; flip reverses an axis", r.step));
  return {start, stop > start ? (stop - start + r.step - 1) / r.step : 0, r.step};
}

// Whether the named positions follow one another in memory: single positions, then one axis with
// step 1, then whole axes.
bool is_one_block(const Shape& from, const std::vector<Steps>& steps) {
  int last = -1;
  for (int i = 0; i < from.rank(); ++i)
    if (!(steps[size_t(i)] == Steps{0, from[i], 1})) last = i;
  for (int i = 0; i < last; ++i)
    if (steps[size_t(i)].count != 1) return false;
  return last < 0 || steps[size_t(last)].step == 1 || steps[size_t(last)].count == 1;
}

Shape counts(const std::vector<Steps>& steps) {
  Shape shape;
  for (const Steps& s : steps) shape.push_back(s.count);
  return shape;
}

Tensor apply(const Tensor& x, std::vector<Steps> steps) {
  if (steps == whole(x.shape())) return x;
  return Tensor::output_of(std::make_shared<Slice>(x.shape(), std::move(steps)), {x});
}

}  // namespace

Slice::Slice(const Shape& from, std::vector<Steps> steps)
    : from_(from), steps_(std::move(steps)), one_block_(is_one_block(from, steps_)) {}

Primitive::View Slice::view(int, std::span<const Tensor> in) const {
  auto strides = from_.strides();
  int64_t offset = 0;
  for (size_t i = 0; i < steps_.size(); ++i) offset += steps_[i].start * strides[i];
  return {0, size_t(offset) * size_of(in[0].dtype())};
}

std::vector<Spec> Slice::infer(std::span<const Tensor> in) const {
  FOVEA_ASSERT(in[0].shape() == from_);
  return {{counts(steps_), in[0].dtype()}};
}

std::vector<Tensor> Slice::vjp(
    std::span<const Tensor>,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return {Tensor::output_of(std::make_shared<SliceGrad>(from_, steps_), {dout[0]})};
}

bool Slice::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Slice*>(&other);
  return o && o->from_ == from_ && o->steps_ == steps_;
}

std::vector<Spec> SliceGrad::infer(std::span<const Tensor> in) const {
  FOVEA_ASSERT(in[0].shape() == counts(steps_));
  return {{to_, in[0].dtype()}};
}

std::vector<Tensor> SliceGrad::vjp(
    std::span<const Tensor>,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return {apply(dout[0], steps_)};
}

bool SliceGrad::same(const Primitive& other) const {
  auto* o = dynamic_cast<const SliceGrad*>(&other);
  return o && o->to_ == to_ && o->steps_ == steps_;
}

Tensor slice(const Tensor& x, const std::vector<Range>& ranges) {
  if (int(ranges.size()) > x.rank())
    throw std::invalid_argument(fmt::format(
        "[slice] expected at most {} ranges for shape {}, got {}",
        x.rank(),
        x.shape().str(),
        ranges.size()));
  std::vector<Steps> steps = whole(x.shape());
  for (size_t i = 0; i < ranges.size(); ++i) steps[i] = steps_of(ranges[i], x.shape(), int(i));
  return apply(x, std::move(steps));
}

Tensor slice(const Tensor& x, int axis, const Range& range) {
  axis = x.shape().normalize(axis);
  std::vector<Steps> steps = whole(x.shape());
  steps[size_t(axis)] = steps_of(range, x.shape(), axis);
  return apply(x, std::move(steps));
}

Tensor select(const Tensor& x, int axis, int64_t i) {
  int64_t extent = x.dim(axis);
  int64_t at = i < 0 ? i + extent : i;
  if (at < 0 || at >= extent)
    throw std::invalid_argument(fmt::format(
        "[select] expected a position within 0..{} on axis {} of shape {}, got {}",
        extent - 1,
        axis,
        x.shape().str(),
        i));
  return squeeze(slice(x, axis, {.start = at, .stop = at + 1}), axis);
}

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int axis) {
  int64_t total = std::accumulate(sizes.begin(), sizes.end(), int64_t(0));
  if (total != x.dim(axis))
    throw std::invalid_argument(fmt::format(
        "[split] expected sizes that add up to {} (axis {} of shape {}), got {}",
        x.dim(axis),
        axis,
        x.shape().str(),
        total));
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (int64_t size : sizes) {
    parts.push_back(slice(x, axis, {.start = start, .stop = start + size}));
    start += size;
  }
  return parts;
}

std::vector<Tensor> split(const Tensor& x, int parts, int axis) {
  int64_t extent = x.dim(axis);
  if (parts < 1 || extent % parts != 0)
    throw std::invalid_argument(fmt::format(
        "[split] expected a number of parts that divides {} (axis {} of shape {}), got {}",
        extent,
        axis,
        x.shape().str(),
        parts));
  return split(x, std::vector<int64_t>(size_t(parts), extent / parts), axis);
}

Tensor flip(const Tensor& x, const std::vector<int>& axes) {
  std::vector<Steps> steps = whole(x.shape());
  for (int axis : axes) {
    int a = x.shape().normalize(axis);
    if (x.shape()[a] > 0) steps[size_t(a)] = {x.shape()[a] - 1, x.shape()[a], -1};
  }
  return apply(x, std::move(steps));
}

}  // namespace fovea
