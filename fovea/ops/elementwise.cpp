#include "fovea/ops/elementwise.h"

#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "fovea/ops/activation.h"
#include "fovea/ops/operands.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea {

namespace {

Tensor zeros_of(const Tensor& t) { return broadcast_to(scalar_like(t, 0), t.shape()); }

// Derivatives: dx from the input, the output and dy. Written with ops, so they differentiate again.
struct UnaryRow {
  const char* name;
  Tensor (*dx)(const Unary& p, const Tensor& x, const Tensor& y, const Tensor& dy);  // null: zero
};

Tensor gelu_dx(const Tensor& x, const Tensor& dy) {
  Tensor cdf = 0.5 * (1 + erf(x * (1 / std::numbers::sqrt2)));
  Tensor pdf = exp(-0.5 * square(x)) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  return dy * (cdf + x * pdf);
}

Tensor silu_dx(const Tensor& x, const Tensor& dy) {
  Tensor s = sigmoid(x);
  return dy * (s * (1 + x * (1 - s)));
}

Tensor hard_swish_dx(const Tensor& x, const Tensor& dy) {
  Tensor inside = dy * (x * (1.0 / 3) + 0.5);
  return where(greater_equal(x, 3), dy, where(greater(x, -3), inside, zeros_of(dy)));
}

Tensor clamp_dx(const Tensor& x, const Tensor& dy, double lo, double hi) {
  Tensor inside = logical_and(greater_equal(x, lo), less_equal(x, hi));
  return where(inside, dy, zeros_of(dy));
}

#define DX(...)                                                                      \
  [](const Unary& p, const Tensor& x, const Tensor& y, const Tensor& dy) -> Tensor { \
    return __VA_ARGS__;                                                              \
  }
const UnaryRow& row_of(UnaryOp op) {
  static const UnaryRow rows[] = {
      {"neg", DX(-dy)},
      {"abs", DX(dy * sign(x))},
      {"sign", nullptr},
      {"exp", DX(dy * y)},
      {"expm1", DX(dy * (y + 1))},
      {"log", DX(dy / x)},
      {"log1p", DX(dy / (x + 1))},
      {"sqrt", DX(dy * 0.5 / y)},
      {"rsqrt", DX(dy * -0.5 * y / x)},
      {"square", DX(dy * 2 * x)},
      {"reciprocal", DX(-dy * square(y))},
      {"sin", DX(dy * cos(x))},
      {"cos", DX(-dy * sin(x))},
      {"tanh", DX(dy * (1 - square(y)))},
      {"sigmoid", DX(dy * (y * (1 - y)))},
      {"erf", DX(dy * (2 * std::numbers::inv_sqrtpi) * exp(-square(x)))},
      {"floor", nullptr},
      {"ceil", nullptr},
      {"round", nullptr},
      {"logical_not", nullptr},
      {"relu", DX(relu_grad(dy, y))},
      {"leaky_relu", DX(dy * where(greater(x, 0), scalar_like(x, 1), scalar_like(x, p.a())))},
      {"elu", DX(dy * where(greater(x, 0), scalar_like(x, 1), y + p.a()))},
      {"gelu", DX(gelu_dx(x, dy))},
      {"silu", DX(silu_dx(x, dy))},
      {"softplus", DX(dy * sigmoid(x))},
      {"hard_sigmoid", DX(where(less(abs(x), 3), dy * (1.0 / 6), zeros_of(dy)))},
      {"hard_swish", DX(hard_swish_dx(x, dy))},
      {"clamp", DX(clamp_dx(x, dy, p.a(), p.b()))},
  };
  return rows[size_t(op)];
}
#undef DX

const char* name_of(BinaryOp op) {
  static const char* const names[] = {
      "add",
      "sub",
      "mul",
      "div",
      "pow",
      "maximum",
      "minimum",
      "relu_grad",
      "equal",
      "not_equal",
      "less",
      "less_equal",
      "greater",
      "greater_equal",
      "logical_and",
      "logical_or"};
  return names[size_t(op)];
}

bool gives_bool(BinaryOp op) { return op >= BinaryOp::equal; }

Tensor binary(BinaryOp op, const Tensor& a, const Tensor& b) {
  auto [x, y] = operands(a, b);
  return Tensor::output_of(std::make_shared<Binary>(op), {x, y});
}

}  // namespace

Tensor unary(UnaryOp op, const Tensor& x, double a, double b) {
  return Tensor::output_of(
      std::make_shared<Unary>(op, a, b), {x.is_weak() ? cast(x, Dtype::f32) : x});
}

std::pair<Tensor, Tensor> operands(const Tensor& a, const Tensor& b) {
  if (a.is_weak() && b.is_weak()) return {cast(a, Dtype::f32), cast(b, Dtype::f32)};
  if (a.is_weak()) return operands(scalar_like(b, a.item<double>()), b);
  if (b.is_weak()) return operands(a, scalar_like(a, b.item<double>()));
  Dtype dtype = promote(a.dtype(), b.dtype());
  return {cast(a, dtype), cast(b, dtype)};
}

Tensor scalar_like(const Tensor& t, double value) {
  // An integer tensor meeting 0.5 becomes a float one, as in a / 2.0; whole numbers keep it.
  Dtype dtype = t.is_weak() ? Dtype::f32 : t.dtype();
  if (!is_float(dtype) && value != std::floor(value)) dtype = Dtype::f32;
  Tensor scalar = Tensor::empty({}, dtype, t.device());
  visit_dtype(dtype, [&]<class T>() { scalar.mutable_data<T>()[0] = T(value); });
  return scalar;
}

std::string_view Unary::name() const { return row_of(op_).name; }

std::vector<Spec> Unary::infer(std::span<const Tensor> in) const {
  bool exact = op_ == UnaryOp::neg || op_ == UnaryOp::abs || op_ == UnaryOp::sign ||
               op_ == UnaryOp::square || op_ == UnaryOp::relu || op_ == UnaryOp::clamp;
  Dtype dtype = in[0].dtype();
  if (op_ == UnaryOp::logical_not) {
    dtype = Dtype::boolean;
  } else if (!exact && !is_float(dtype)) {
    throw std::invalid_argument(
        fmt::format("[{}] expected a floating dtype, got {}; cast it first", name(), in[0].str()));
  }
  return {{in[0].shape(), dtype}};
}

std::vector<Tensor> Unary::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor> out,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  auto dx = row_of(op_).dx;
  return {dx ? dx(*this, in[0], out[0], dout[0]) : Tensor()};
}

bool Unary::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Unary*>(&other);
  return o && o->op_ == op_ && o->a_ == a_ && o->b_ == b_;
}

std::string_view Binary::name() const { return name_of(op_); }

std::vector<Spec> Binary::infer(std::span<const Tensor> in) const {
  Dtype dtype = gives_bool(op_) ? Dtype::boolean : in[0].dtype();
  return {{broadcast(in[0].shape(), in[1].shape(), name_of(op_)), dtype}};
}

std::vector<Tensor> Binary::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor> out,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  const Tensor &a = in[0], &b = in[1], &dy = dout[0];
  auto gradient = [&](int i) -> Tensor {
    switch (op_) {
      case BinaryOp::add:
        return dy;
      case BinaryOp::sub:
        return i == 0 ? dy : -dy;
      case BinaryOp::mul:
        return dy * in[1 - i];
      case BinaryOp::div:
        return i == 0 ? dy / b : -dy * out[0] / b;
      case BinaryOp::pow:
        return i == 0 ? dy * b * pow(a, b - 1)
                      // 0^b has no slope in b to speak of; log(0) must not make it NaN
                      : dy * out[0] * log(where(greater(a, 0), a, scalar_like(a, 1)));
      case BinaryOp::maximum:
        return where(i == 0 ? greater_equal(a, b) : less(a, b), dy, zeros_of(dy));
      case BinaryOp::minimum:
        return where(i == 0 ? less_equal(a, b) : greater(a, b), dy, zeros_of(dy));
      case BinaryOp::relu_grad:
        return i == 0 ? relu_grad(dy, b) : Tensor();
      default:
        return Tensor();
    }
  };
  std::vector<Tensor> grads;
  for (int i : wanted) {
    Tensor g = gradient(i);
    grads.push_back(g.is_empty() ? g : sum_to(g, in[i].shape()));
  }
  return grads;
}

bool Binary::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Binary*>(&other);
  return o && o->op_ == op_;
}

std::vector<Spec> Where::infer(std::span<const Tensor> in) const {
  if (in[0].dtype() != Dtype::boolean)
    throw std::invalid_argument(fmt::format(
        "[where] expected a bool condition, got {}; compare it with something", in[0].str()));
  Shape values = broadcast(in[1].shape(), in[2].shape(), "where");
  return {{broadcast(in[0].shape(), values, "where"), in[1].dtype()}};
}

std::vector<Tensor> Where::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  std::vector<Tensor> grads;
  for (int i : wanted) {
    Tensor zero = scalar_like(dout[0], 0);
    if (i == 0) grads.emplace_back();
    if (i == 1) grads.push_back(sum_to(where(in[0], dout[0], zero), in[1].shape()));
    if (i == 2) grads.push_back(sum_to(where(in[0], zero, dout[0]), in[2].shape()));
  }
  return grads;
}

bool Where::same(const Primitive& other) const { return dynamic_cast<const Where*>(&other); }

std::vector<Spec> Cast::infer(std::span<const Tensor> in) const { return {{in[0].shape(), to_}}; }

std::vector<Tensor> Cast::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return {is_float(in[0].dtype()) && is_float(to_) ? cast(dout[0], in[0].dtype()) : Tensor()};
}

bool Cast::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Cast*>(&other);
  return o && o->to_ == to_;
}

std::vector<Spec> StopGradient::infer(std::span<const Tensor> in) const {
  return {{in[0].shape(), in[0].dtype()}};
}

Tensor neg(const Tensor& x) { return unary(UnaryOp::neg, x); }
Tensor abs(const Tensor& x) { return unary(UnaryOp::abs, x); }
Tensor sign(const Tensor& x) { return unary(UnaryOp::sign, x); }
Tensor exp(const Tensor& x) { return unary(UnaryOp::exp, x); }
Tensor expm1(const Tensor& x) { return unary(UnaryOp::expm1, x); }
Tensor log(const Tensor& x) { return unary(UnaryOp::log, x); }
Tensor log1p(const Tensor& x) { return unary(UnaryOp::log1p, x); }
Tensor sqrt(const Tensor& x) { return unary(UnaryOp::sqrt, x); }
Tensor rsqrt(const Tensor& x) { return unary(UnaryOp::rsqrt, x); }
Tensor square(const Tensor& x) { return unary(UnaryOp::square, x); }
Tensor reciprocal(const Tensor& x) { return unary(UnaryOp::reciprocal, x); }
Tensor sin(const Tensor& x) { return unary(UnaryOp::sin, x); }
Tensor cos(const Tensor& x) { return unary(UnaryOp::cos, x); }
Tensor tanh(const Tensor& x) { return unary(UnaryOp::tanh, x); }
Tensor sigmoid(const Tensor& x) { return unary(UnaryOp::sigmoid, x); }
Tensor erf(const Tensor& x) { return unary(UnaryOp::erf, x); }
Tensor floor(const Tensor& x) { return unary(UnaryOp::floor, x); }
Tensor ceil(const Tensor& x) { return unary(UnaryOp::ceil, x); }
Tensor round(const Tensor& x) { return unary(UnaryOp::round, x); }
Tensor logical_not(const Tensor& x) { return unary(UnaryOp::logical_not, x); }

Tensor clamp(const Tensor& x, double lo, double hi) {
  if (!(lo <= hi))
    throw std::invalid_argument(fmt::format("[clamp] expected lo <= hi, got [{}, {}]", lo, hi));
  return unary(UnaryOp::clamp, x, lo, hi);
}

Tensor add(const Tensor& a, const Tensor& b) { return binary(BinaryOp::add, a, b); }
Tensor sub(const Tensor& a, const Tensor& b) { return binary(BinaryOp::sub, a, b); }
Tensor mul(const Tensor& a, const Tensor& b) { return binary(BinaryOp::mul, a, b); }
Tensor div(const Tensor& a, const Tensor& b) {
  auto [x, y] = operands(a, b);
  bool real = is_float(x.dtype());
  return binary(BinaryOp::div, real ? x : cast(x, Dtype::f32), real ? y : cast(y, Dtype::f32));
}
Tensor pow(const Tensor& a, const Tensor& b) { return binary(BinaryOp::pow, a, b); }
Tensor maximum(const Tensor& a, const Tensor& b) { return binary(BinaryOp::maximum, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return binary(BinaryOp::minimum, a, b); }
Tensor equal(const Tensor& a, const Tensor& b) { return binary(BinaryOp::equal, a, b); }
Tensor not_equal(const Tensor& a, const Tensor& b) { return binary(BinaryOp::not_equal, a, b); }
Tensor less(const Tensor& a, const Tensor& b) { return binary(BinaryOp::less, a, b); }
Tensor less_equal(const Tensor& a, const Tensor& b) { return binary(BinaryOp::less_equal, a, b); }
Tensor greater(const Tensor& a, const Tensor& b) { return binary(BinaryOp::greater, a, b); }
Tensor greater_equal(const Tensor& a, const Tensor& b) {
  return binary(BinaryOp::greater_equal, a, b);
}
Tensor logical_and(const Tensor& a, const Tensor& b) { return binary(BinaryOp::logical_and, a, b); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return binary(BinaryOp::logical_or, a, b); }
Tensor relu_grad(const Tensor& dy, const Tensor& y) { return binary(BinaryOp::relu_grad, dy, y); }

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  auto [x, y] = operands(a, b);
  return Tensor::output_of(std::make_shared<Where>(), {condition, x, y});
}

Tensor cast(const Tensor& x, Dtype dtype) {
  if (x.dtype() == dtype && !x.is_weak()) return x;
  if (x.is_weak()) {
    Tensor scalar = Tensor::empty({}, dtype, x.device());
    visit_dtype(dtype, [&]<class T>() { scalar.mutable_data<T>()[0] = T(x.item<double>()); });
    return scalar;
  }
  return Tensor::output_of(std::make_shared<Cast>(dtype), {x});
}

Tensor to_device(const Tensor& x, Device device) {
  if (x.device() == device) return x;
  x.eval();
  return Tensor::from_bytes(x.bytes(), x.shape(), x.dtype(), device);
}

Tensor stop_gradient(const Tensor& x) {
  return Tensor::output_of(std::make_shared<StopGradient>(), {x});
}

Tensor sum_to(const Tensor& t, const Shape& shape) {
  if (t.shape() == shape) return t;
  std::vector<int> axes;
  int extra = t.rank() - shape.rank();
  for (int i = 0; i < t.rank(); ++i)
    if (i < extra || (shape[i - extra] == 1 && t.shape()[i] != 1)) axes.push_back(i);
  return reshape(sum(t, axes), shape);
}

}  // namespace fovea
