#include "fovea/ops/elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <type_traits>

#include "fovea/backend/ref/elementwise.h"
#include "fovea/backend/ref/index.h"
#include "fovea/backend/ref/ref.h"

namespace fovea::ref {

namespace {

// Half types compute in float, everything else in itself.
template <class T>
using Compute = std::conditional_t<
    std::is_same_v<T, bfloat16> || std::is_same_v<T, float16>,
    float,
    std::conditional_t<std::is_same_v<T, bool>, int, T>>;

template <class T>
T real_unary(const Unary& p, T x) {
  T a = T(p.a());
  switch (p.op()) {
    case UnaryOp::exp:
      return std::exp(x);
    case UnaryOp::expm1:
      return std::expm1(x);
    case UnaryOp::log:
      return std::log(x);
    case UnaryOp::log1p:
      return std::log1p(x);
    case UnaryOp::sqrt:
      return std::sqrt(x);
    case UnaryOp::rsqrt:
      return 1 / std::sqrt(x);
    case UnaryOp::reciprocal:
      return 1 / x;
    case UnaryOp::sin:
      return std::sin(x);
    case UnaryOp::cos:
      return std::cos(x);
    case UnaryOp::tanh:
      return std::tanh(x);
    case UnaryOp::sigmoid:
      return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
    case UnaryOp::erf:
      return std::erf(x);
    case UnaryOp::floor:
      return std::floor(x);
    case UnaryOp::ceil:
      return std::ceil(x);
    case UnaryOp::round:
      return std::nearbyint(x);
    case UnaryOp::leaky_relu:
      return x > 0 ? x : a * x;
    case UnaryOp::elu:
      return x > 0 ? x : a * std::expm1(x);
    case UnaryOp::gelu:
      return x * T(0.5) * (1 + std::erf(x / std::numbers::sqrt2_v<T>));
    case UnaryOp::silu:
      return x / (1 + std::exp(-x));
    case UnaryOp::softplus:
      return std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
    case UnaryOp::hard_sigmoid:
      return std::clamp(x / 6 + T(0.5), T(0), T(1));
    case UnaryOp::hard_swish:
      return x * std::clamp(x / 6 + T(0.5), T(0), T(1));
    default:
      return x;
  }
}

template <class T>
T apply(const Unary& p, T x) {
  switch (p.op()) {
    case UnaryOp::neg:
      return T(-x);
    case UnaryOp::abs:
      return x < 0 ? T(-x) : x;
    case UnaryOp::sign:
      return T((x > 0) - (x < 0));
    case UnaryOp::square:
      return T(x * x);
    case UnaryOp::relu:
      return x > 0 || x != x ? x : T(0);  // a NaN stays one
    case UnaryOp::clamp:
      return x < T(p.a()) ? T(p.a()) : x > T(p.b()) ? T(p.b()) : x;
    case UnaryOp::logical_not:
      return T(x == 0);
    default:
      break;
  }
  if constexpr (std::is_floating_point_v<T>) return real_unary(p, x);
  return x;
}

template <class T>
T integer_pow(T base, T exponent) {
  T result = 1;
  for (; exponent > 0; --exponent) result *= base;
  return result;
}

template <class T>
T apply(BinaryOp op, T a, T b) {
  switch (op) {
    case BinaryOp::add:
      return T(a + b);
    case BinaryOp::sub:
      return T(a - b);
    case BinaryOp::mul:
      return T(a * b);
    case BinaryOp::div:
      return T(a / b);
    case BinaryOp::pow:
      if constexpr (std::is_floating_point_v<T>) return std::pow(a, b);
      return integer_pow(a, b);
    case BinaryOp::maximum:
      return a >= b || a != a ? a : b;
    case BinaryOp::minimum:
      return a <= b || a != a ? a : b;
    case BinaryOp::relu_grad:
      return b > 0 ? a : T(0);
    case BinaryOp::equal:
      return T(a == b);
    case BinaryOp::not_equal:
      return T(a != b);
    case BinaryOp::less:
      return T(a < b);
    case BinaryOp::less_equal:
      return T(a <= b);
    case BinaryOp::greater:
      return T(a > b);
    case BinaryOp::greater_equal:
      return T(a >= b);
    case BinaryOp::logical_and:
      return T(a && b);
    case BinaryOp::logical_or:
      return T(a || b);
  }
  return a;
}

}  // namespace

void unary(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& p = static_cast<const Unary&>(primitive);
  visit_dtype(in[0].dtype(), [&]<class T>() {
    auto x = in[0].data<T>();
    auto write = [&]<class R>(std::span<R> y) {
      for (size_t i = 0; i < y.size(); ++i) y[i] = R(apply(p, Compute<T>(x[i])));
    };
    if (out[0].dtype() == Dtype::boolean)
      write(out[0].mutable_data<bool>());
    else
      write(out[0].mutable_data<T>());
  });
}

void binary(const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  BinaryOp op = static_cast<const Binary&>(primitive).op();
  const Shape& shape = out[0].shape();
  Index sa = broadcast_strides(in[0].shape(), shape), sb = broadcast_strides(in[1].shape(), shape);
  visit_dtype(in[0].dtype(), [&]<class T>() {
    auto a = in[0].data<T>(), b = in[1].data<T>();
    auto write = [&]<class R>(std::span<R> y) {
      for_each(shape, [&](int64_t i, const Index& index) {
        auto va = Compute<T>(a[size_t(offset_of(index, sa, shape.rank()))]);
        auto vb = Compute<T>(b[size_t(offset_of(index, sb, shape.rank()))]);
        y[size_t(i)] = R(apply(op, va, vb));
      });
    };
    if (out[0].dtype() == Dtype::boolean)
      write(out[0].mutable_data<bool>());
    else
      write(out[0].mutable_data<T>());
  });
}

namespace {

void where_kernel(const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const Shape& shape = out[0].shape();
  Index sc = broadcast_strides(in[0].shape(), shape), sa = broadcast_strides(in[1].shape(), shape),
        sb = broadcast_strides(in[2].shape(), shape);
  auto condition = in[0].data<bool>();
  visit_dtype(out[0].dtype(), [&]<class T>() {
    auto a = in[1].data<T>(), b = in[2].data<T>();
    auto y = out[0].mutable_data<T>();
    for_each(shape, [&](int64_t i, const Index& index) {
      bool c = condition[size_t(offset_of(index, sc, shape.rank()))];
      y[size_t(i)] = c ? a[size_t(offset_of(index, sa, shape.rank()))]
                       : b[size_t(offset_of(index, sb, shape.rank()))];
    });
  });
}

void cast_kernel(const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  visit_dtype(in[0].dtype(), [&]<class From>() {
    auto x = in[0].data<From>();
    visit_dtype(out[0].dtype(), [&]<class To>() {
      auto y = out[0].mutable_data<To>();
      for (size_t i = 0; i < y.size(); ++i) {
        if constexpr (std::is_same_v<To, bool>)
          y[i] = Compute<From>(x[i]) != 0;
        else
          y[i] = To(Compute<From>(x[i]));
      }
    });
  });
}

}  // namespace

void register_elementwise(KernelTable& table) {
  table.add<Unary>(Device::ref, unary);
  table.add<Binary>(Device::ref, binary);
  table.add<Where>(Device::ref, where_kernel);
  table.add<Cast>(Device::ref, cast_kernel);
}

}  // namespace fovea::ref
