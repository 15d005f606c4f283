#pragma once

#include "fovea/core/primitive.h"

// Reductions over some axes, or over all when `axes` is empty. With keep, reduced axes stay as 1.
namespace fovea {

struct ReduceOptions {
  bool keep = false;
};

Tensor sum(const Tensor& x, std::vector<int> axes = {}, const ReduceOptions& o = {});
Tensor mean(const Tensor& x, std::vector<int> axes = {}, const ReduceOptions& o = {});

// Of n elements, divided by n - correction: 0 for the biased (population) variance, 1 for Bessel's.
struct VarOptions {
  int correction = 0;
  bool keep = false;
};
Tensor var(const Tensor& x, std::vector<int> axes = {}, const VarOptions& o = {});

// Where elements tie, the gradient goes to the first in row-major order.
Tensor max(const Tensor& x, std::vector<int> axes = {}, const ReduceOptions& o = {});
Tensor min(const Tensor& x, std::vector<int> axes = {}, const ReduceOptions& o = {});

// The index of the first largest (smallest) element along one axis, i32.
Tensor argmax(const Tensor& x, int axis, const ReduceOptions& o = {});
Tensor argmin(const Tensor& x, int axis, const ReduceOptions& o = {});

enum class ReduceOp : uint8_t { sum, max, min };

// x with the listed (sorted, non-negative) axes reduced and kept as 1. Sums of f32 accumulate in
// double on ref, in blocks of f32 on cpu. max and min of nothing are an error.
class Reduce : public Primitive {
 public:
  Reduce(ReduceOp op, std::vector<int> axes) : op_(op), axes_(std::move(axes)) {}
  ReduceOp op() const { return op_; }
  const std::vector<int>& axes() const { return axes_; }

  std::string_view name() const override;
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 192 + size_t(op_); }

 private:
  ReduceOp op_;
  std::vector<int> axes_;
};

class ArgReduce : public ZeroGradient {
 public:
  ArgReduce(bool largest, int axis) : largest_(largest), axis_(axis) {}
  bool largest() const { return largest_; }
  int axis() const { return axis_; }

  std::string_view name() const override { return largest_ ? "argmax" : "argmin"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 208 + size_t(axis_); }

 private:
  bool largest_;
  int axis_;
};

}  // namespace fovea
