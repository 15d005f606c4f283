#pragma once

#include "fovea/core/primitive.h"

// Operations that act on each element alone. Binary ones broadcast as NumPy does and promote their
// dtypes; a C++ number takes the dtype of the tensor it meets.
namespace fovea {

// The rows of the two tables; each has one line in elementwise.cpp (name and derivative) and one
// in every backend (the function itself).
enum class UnaryOp : uint8_t {
  neg,
  abs,
  sign,
  exp,
  expm1,
  log,
  log1p,
  sqrt,
  rsqrt,
  square,
  reciprocal,
  sin,
  cos,
  tanh,
  sigmoid,
  erf,
  floor,
  ceil,
  round,
  logical_not,
  relu,
  leaky_relu,
  elu,
  gelu,
  silu,
  softplus,
  hard_sigmoid,
  hard_swish,
  clamp,
};
enum class BinaryOp : uint8_t {
  add,
  sub,
  mul,
  div,
  pow,
  maximum,
  minimum,
  relu_grad,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  logical_and,
  logical_or,
};

// The row `op` applied to x; a and b are its parameters. Prefer the named functions.
Tensor unary(UnaryOp op, const Tensor& x, double a = 0, double b = 0);

Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);   // derivative 0 at 0
Tensor sign(const Tensor& x);  // -1, 0 or 1; derivative 0
Tensor exp(const Tensor& x);
Tensor expm1(const Tensor& x);  // e^x - 1, exact near 0
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);  // log(1 + x), exact near 0
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);  // 1 / sqrt(x)
Tensor square(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor erf(const Tensor& x);
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);  // half to even
Tensor logical_not(const Tensor& x);
Tensor clamp(const Tensor& x, double lo, double hi);  // derivative 1 on [lo, hi], else 0

Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);  // integers become f32
Tensor pow(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, const Tensor& b);  // at a tie the gradient goes to a
Tensor minimum(const Tensor& a, const Tensor& b);  // at a tie the gradient goes to a
Tensor equal(const Tensor& a, const Tensor& b);    // comparisons give bool
Tensor not_equal(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor less_equal(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, const Tensor& b);
Tensor greater_equal(const Tensor& a, const Tensor& b);
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor relu_grad(const Tensor& dy, const Tensor& y);  // dy where y > 0, else 0

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);  // condition is bool
Tensor cast(const Tensor& x, Dtype dtype);  // floats to integers truncate; to bool: x != 0
Tensor to_device(const Tensor& x, Device device);
Tensor stop_gradient(const Tensor& x);  // the same values, no gradient

inline Tensor operator-(const Tensor& x) { return neg(x); }
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }

// `t` broadcast the other way: summed over the axes along which `shape` was stretched.
Tensor sum_to(const Tensor& t, const Shape& shape);

class Unary : public Primitive {
 public:
  explicit Unary(UnaryOp op, double a = 0, double b = 0) : op_(op), a_(a), b_(b) {}
  UnaryOp op() const { return op_; }
  double a() const { return a_; }  // slope, alpha or lower bound
  double b() const { return b_; }  // upper bound

  std::string_view name() const override;
  Kind kind() const override { return Kind::elementwise; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return size_t(op_); }

 private:
  UnaryOp op_;
  double a_, b_;
};

class Binary : public Primitive {
 public:
  explicit Binary(BinaryOp op) : op_(op) {}
  BinaryOp op() const { return op_; }

  std::string_view name() const override;
  Kind kind() const override { return Kind::elementwise; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 64 + size_t(op_); }

 private:
  BinaryOp op_;
};

class Where : public Primitive {
 public:
  std::string_view name() const override { return "where"; }
  Kind kind() const override { return Kind::elementwise; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
};

class Cast : public Primitive {
 public:
  explicit Cast(Dtype to) : to_(to) {}
  Dtype to() const { return to_; }

  std::string_view name() const override { return "cast"; }
  Kind kind() const override { return Kind::elementwise; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 128 + size_t(to_); }

 private:
  Dtype to_;
};

// Shares its input's memory and passes no gradient.
class StopGradient : public ZeroGradient {
 public:
  std::string_view name() const override { return "stop_gradient"; }
  Kind kind() const override { return Kind::view; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
};

}  // namespace fovea
