#pragma once

#include "fovea/core/primitive.h"

// Operations that move or repeat elements without computing anything.
namespace fovea {

// The same elements in row-major order under another shape; one extent may be -1. Costs nothing.
Tensor reshape(const Tensor& x, Shape shape);
Tensor reshape(const Tensor& x, std::initializer_list<int64_t> dims);  // with -1 for one extent
Tensor flatten(const Tensor& x, int from_axis = 1);                    // (N, ...) -> (N, product)
Tensor squeeze(const Tensor& x, int axis);
Tensor unsqueeze(const Tensor& x, int axis);

Tensor broadcast_to(const Tensor& x, const Shape& shape);  // NumPy's rules

// Axis i of the result is axis order[i] of x. matmul has flags that save swapping the last two.
Tensor transpose(const Tensor& x, std::vector<int> order);
Tensor transpose(const Tensor& x);  // the last two axes swapped

class Reshape : public Primitive {
 public:
  explicit Reshape(Shape to) : to_(to) {}

  std::string_view name() const override { return "reshape"; }
  Kind kind() const override { return Kind::view; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 224; }

 private:
  Shape to_;
};

class Broadcast : public Primitive {
 public:
  explicit Broadcast(Shape to) : to_(to) {}

  std::string_view name() const override { return "broadcast_to"; }
  Kind kind() const override { return Kind::elementwise; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 225; }

 private:
  Shape to_;
};

class Transpose : public Primitive {
 public:
  explicit Transpose(std::vector<int> order) : order_(std::move(order)) {}
  const std::vector<int>& order() const { return order_; }
  bool swaps_last_two() const;

  std::string_view name() const override { return "transpose"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 226; }

 private:
  std::vector<int> order_;
};

}  // namespace fovea
