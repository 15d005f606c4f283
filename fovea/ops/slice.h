#pragma once

#include <limits>

#include "fovea/core/primitive.h"

// Parts of a tensor, by position.
namespace fovea {

// Positions start, start + step, ... before stop on one axis. Negative bounds count from the end;
// bounds beyond the axis are an error, and so is a step below 1 (see flip).
struct Range {
  static constexpr int64_t end = std::numeric_limits<int64_t>::max();
  int64_t start = 0;
  int64_t stop = end;
  int64_t step = 1;
};

// x[start:stop:step, ...]: one range for each of the first axes, the others whole. A slice that is
// one block of memory, such as rows 3 to 7 of a batch, shares x's memory.
Tensor slice(const Tensor& x, const std::vector<Range>& ranges);
Tensor slice(const Tensor& x, int axis, const Range& range);

// Position i of one axis, which disappears: (N, H, W, C) at axis 0 -> (H, W, C).
Tensor select(const Tensor& x, int axis, int64_t i);

// Consecutive parts of an axis: with the given extents, which must add up to it, or equal ones.
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int axis = 0);
std::vector<Tensor> split(const Tensor& x, int parts, int axis = 0);

Tensor flip(const Tensor& x, const std::vector<int>& axes);  // those axes in reverse order

// One axis of a slice: element i of the result is element start + i * step; step may be negative.
struct Steps {
  int64_t start = 0;
  int64_t count = 0;
  int64_t step = 1;
  friend bool operator==(const Steps&, const Steps&) = default;
};

// x (from) -> the positions that `steps` names, one entry an axis. A view when they are one block.
class Slice : public Primitive {
 public:
  Slice(const Shape& from, std::vector<Steps> steps);
  const std::vector<Steps>& steps() const { return steps_; }

  std::string_view name() const override { return "slice"; }
  Kind kind() const override { return one_block_ ? Kind::view : Kind::reduce; }
  View view(int output, std::span<const Tensor> in) const override;
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 300; }

 private:
  Shape from_;
  std::vector<Steps> steps_;
  bool one_block_;
};

// The adjoint of Slice: zeros of shape `to` with the input at the positions that `steps` names.
class SliceGrad : public Primitive {
 public:
  SliceGrad(const Shape& to, std::vector<Steps> steps) : to_(to), steps_(std::move(steps)) {}
  const std::vector<Steps>& steps() const { return steps_; }

  std::string_view name() const override { return "slice_grad"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 301; }

 private:
  Shape to_;
  std::vector<Steps> steps_;
};

}  // namespace fovea
