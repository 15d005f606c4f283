#pragma once

#include "fovea/core/primitive.h"

// Tensors put together, and repeated.
namespace fovea {

// Tensors of equal shape but for `axis`, one after the other along it; dtypes are promoted.
Tensor concat(const std::vector<Tensor>& parts, int axis = 0);

// Tensors of equal shape along a new axis: n of (H, W) at axis 0 -> (n, H, W).
Tensor stack(const std::vector<Tensor>& parts, int axis = 0);

// Moves every element `shift` places up the axis; those pushed off the end come in at the start.
Tensor roll(const Tensor& x, int64_t shift, int axis);

// The whole of x reps[i] times along axis i: (a, b) -> (a, b, a, b). One entry an axis.
Tensor tile(const Tensor& x, const std::vector<int64_t>& reps);

// Each position of the axis `count` times in a row: (a, b) -> (a, a, b, b).
Tensor repeat(const Tensor& x, int64_t count, int axis);

// One input per part, all of one dtype.
class Concat : public Primitive {
 public:
  explicit Concat(int axis) : axis_(axis) {}
  int axis() const { return axis_; }

  std::string_view name() const override { return "concat"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 302; }

 private:
  int axis_;
};

}  // namespace fovea
