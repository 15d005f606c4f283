#pragma once

#include "fovea/core/primitive.h"

// Matrix products and the fully connected layer.
namespace fovea {

struct MatmulOptions {
  bool transpose_a = false;  // a is given as (..., K, M)
  bool transpose_b = false;  // b is given as (..., N, K)
  friend bool operator==(const MatmulOptions&, const MatmulOptions&) = default;
};

// (..., M, K) x (..., K, N) -> (..., M, N), f32 or f64. Leading axes broadcast as in NumPy; a
// vector stands for a row on the left and for a column on the right, and its axis is dropped from
// the result. The flags transpose without a copy, which a
// transpose() before the product would make. Throws when the inner extents differ.
Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& o = {});

// y (..., O) = x (..., I) w^T (I, O) + bias (O), with w (O, I) as PyTorch stores it.
Tensor linear(const Tensor& x, const Tensor& w);
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias);

// Inputs a, b and, optionally, a bias (N) added to every row; a and b have rank 2 or more.
class Matmul : public Primitive {
 public:
  explicit Matmul(MatmulOptions o = {}) : o_(o) {}
  const MatmulOptions& options() const { return o_; }

  // The extents of one product, after transposition.
  struct Extents {
    int64_t m = 0, k = 0, n = 0;
  };
  Extents extents(std::span<const Tensor> in) const;

  std::string_view name() const override { return "matmul"; }
  Kind kind() const override { return Kind::heavy; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 256 + 2 * o_.transpose_a + o_.transpose_b; }
  Cost cost(std::span<const Tensor> in, std::span<const Tensor> out) const override;

 private:
  MatmulOptions o_;
};

// All axes but the last two: the grid of products in a batched matmul.
Shape batch_shape(const Shape& s);

}  // namespace fovea
