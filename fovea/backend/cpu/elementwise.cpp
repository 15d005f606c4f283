// Elementwise kernels. All are bound by memory once the data leaves the cache: a unary op moves 8
// bytes an element, a binary one 12.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/elementwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
// clang-format on

#include "fovea/backend/ref/elementwise.h"

#include <limits>

#include "fovea/backend/cpu/broadcast.h"
#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/ops/elementwise.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// The library's exp is defined up to 104, its log on finite positive numbers; the rest is ours.
HWY_INLINE V SafeExp(D d, V x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, hn::Min(x, hn::Set(d, 104.0f))));
}
HWY_INLINE V SafeLog(D d, V x) {
  V inf = hn::Set(d, std::numeric_limits<float>::infinity());
  V y = hn::IfThenElse(hn::Lt(x, inf), hn::Log(d, x), x);  // inf and NaN are their own logarithm
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(inf), y);
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::NaN(d), y);
}
HWY_INLINE V Sigmoid(D d, V x) {
  return hn::Div(hn::Set(d, 1.0f), hn::Add(hn::Set(d, 1.0f), SafeExp(d, hn::Neg(x))));
}
HWY_INLINE V HardSigmoid(D d, V x) {
  V y = hn::MulAdd(x, hn::Set(d, 1.0f / 6), hn::Set(d, 0.5f));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Min(hn::Max(y, hn::Zero(d)), hn::Set(d, 1.0f)));
}
HWY_INLINE V Relu(D d, V x) {
  return hn::IfThenElse(hn::Le(x, hn::Zero(d)), hn::Zero(d), x);  // a NaN stays one
}

// y[i] = f(x[i]); the tail goes through a padded buffer so that f is written once.
template <class F>
HWY_INLINE void Map(const float* x, float* y, int64_t n, F f) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(d, hn::LoadU(d, x + i)), d, y + i);
  if (i == n) return;
  HWY_ALIGN float buffer[hn::MaxLanes(d)] = {};
  for (int64_t k = i; k < n; ++k) buffer[k - i] = x[k];
  hn::Store(f(d, hn::Load(d, buffer)), d, buffer);
  for (int64_t k = i; k < n; ++k) y[k] = buffer[k - i];
}

bool UnaryLoop(UnaryOp op, float a, float b, const float* x, float* y, int64_t n) {
  const D d0;
  const V va = hn::Set(d0, a), vb = hn::Set(d0, b);
  switch (op) {
#define CASE(name, expression)            \
  case UnaryOp::name:                     \
    Map(x, y, n, [&](D d, V v) HWY_ATTR { \
      (void)d;                            \
      return expression;                  \
    });                                   \
    return true
    CASE(neg, hn::Neg(v));
    CASE(abs, hn::Abs(v));
    CASE(exp, SafeExp(d, v));
    CASE(log, SafeLog(d, v));
    CASE(sqrt, hn::Sqrt(v));
    CASE(rsqrt, hn::Div(hn::Set(d, 1.0f), hn::Sqrt(v)));
    CASE(square, hn::Mul(v, v));
    CASE(reciprocal, hn::Div(hn::Set(d, 1.0f), v));
    CASE(tanh, hn::Tanh(d, v));
    CASE(sigmoid, Sigmoid(d, v));
    CASE(floor, hn::Floor(v));
    CASE(ceil, hn::Ceil(v));
    CASE(round, hn::Round(v));
    CASE(relu, Relu(d, v));
    CASE(leaky_relu, hn::IfThenElse(hn::Gt(v, hn::Zero(d)), v, hn::Mul(va, v)));
    CASE(elu, hn::IfThenElse(hn::Gt(v, hn::Zero(d)), v, hn::Mul(va, hn::Expm1(d, v))));
    CASE(silu, hn::Mul(v, Sigmoid(d, v)));
    CASE(hard_sigmoid, HardSigmoid(d, v));
    CASE(hard_swish, hn::Mul(v, HardSigmoid(d, v)));
    CASE(clamp, hn::IfThenElse(hn::Lt(v, va), va, hn::IfThenElse(hn::Gt(v, vb), vb, v)));
#undef CASE
    default:
      return false;
  }
}

// y[i] = f(a[i], b[i]), where an operand of step 0 is one number.
template <class F>
HWY_INLINE void Map2(
    const float* a, int64_t a_step, const float* b, int64_t b_step, float* y, int64_t n, F f) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  int64_t i = 0;
  if (a_step && b_step) {
    for (; i + lanes <= n; i += lanes)
      hn::StoreU(f(d, hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  } else if (a_step) {
    const V vb = hn::Set(d, *b);
    for (; i + lanes <= n; i += lanes) hn::StoreU(f(d, hn::LoadU(d, a + i), vb), d, y + i);
  } else {
    const V va = hn::Set(d, *a);
    for (; i + lanes <= n; i += lanes)
      hn::StoreU(f(d, va, b_step ? hn::LoadU(d, b + i) : hn::Set(d, *b)), d, y + i);
  }
  if (i == n) return;
  HWY_ALIGN float pa[hn::MaxLanes(d)] = {}, pb[hn::MaxLanes(d)] = {};
  for (int64_t k = i; k < n; ++k) {
    pa[k - i] = a[k * a_step];
    pb[k - i] = b[k * b_step];
  }
  hn::Store(f(d, hn::Load(d, pa), hn::Load(d, pb)), d, pa);
  for (int64_t k = i; k < n; ++k) y[k] = pa[k - i];
}

bool BinaryLoop(
    BinaryOp op,
    const float* a,
    int64_t a_step,
    const float* b,
    int64_t b_step,
    float* y,
    int64_t n) {
  switch (op) {
#define CASE(name, expression)                                    \
  case BinaryOp::name:                                            \
    Map2(a, a_step, b, b_step, y, n, [](D d, V p, V q) HWY_ATTR { \
      (void)d;                                                    \
      return expression;                                          \
    });                                                           \
    return true
    CASE(add, hn::Add(p, q));
    CASE(sub, hn::Sub(p, q));
    CASE(mul, hn::Mul(p, q));
    CASE(div, hn::Div(p, q));
    CASE(maximum, hn::IfThenElse(hn::Or(hn::Ge(p, q), hn::IsNaN(p)), p, q));
    CASE(minimum, hn::IfThenElse(hn::Or(hn::Le(p, q), hn::IsNaN(p)), p, q));
    CASE(relu_grad, hn::IfThenElseZero(hn::Gt(q, hn::Zero(d)), p));
#undef CASE
    default:
      return false;
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(UnaryLoop);
HWY_EXPORT(BinaryLoop);

constexpr int64_t grain = 16 * 1024;  // elements a thread should have at least

void unary_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  const auto& p = static_cast<const Unary&>(primitive);
  if (in[0].dtype() != Dtype::f32 || out[0].dtype() != Dtype::f32)
    return ref::unary(primitive, in, out, run);
  auto loop = HWY_DYNAMIC_DISPATCH(UnaryLoop);
  const float* x = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  if (!loop(p.op(), float(p.a()), float(p.b()), x, y, 0))
    return ref::unary(primitive, in, out, run);
  parallel_for(in[0].numel(), grain, [&](int64_t begin, int64_t end) {
    loop(p.op(), float(p.a()), float(p.b()), x + begin, y + begin, end - begin);
  });
}

void binary_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  BinaryOp op = static_cast<const Binary&>(primitive).op();
  if (in[0].dtype() != Dtype::f32 || out[0].dtype() != Dtype::f32)
    return ref::binary(primitive, in, out, run);
  auto loop = HWY_DYNAMIC_DISPATCH(BinaryLoop);
  const float *a = in[0].data<float>().data(), *b = in[1].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  if (!loop(op, a, 0, b, 0, y, 0)) return ref::binary(primitive, in, out, run);

  Broadcast2 plan(in[0].shape(), in[1].shape(), out[0].shape());
  if (plan.outer() == 1) {
    parallel_for(plan.inner(), grain, [&](int64_t begin, int64_t end) {
      loop(
          op,
          a + begin * plan.a_step(),
          plan.a_step(),
          b + begin * plan.b_step(),
          plan.b_step(),
          y + begin,
          end - begin);
    });
    return;
  }
  int64_t rows = std::max<int64_t>(1, grain / std::max<int64_t>(plan.inner(), 1));
  parallel_for(plan.outer(), rows, [&](int64_t begin, int64_t end) {
    plan.for_rows(begin, end, [&](int64_t row, int64_t ia, int64_t ib) {
      loop(op, a + ia, plan.a_step(), b + ib, plan.b_step(), y + row * plan.inner(), plan.inner());
    });
  });
}

}  // namespace

void register_elementwise(KernelTable& table) {
  table.add<Unary>(Device::cpu, unary_kernel);
  table.add<Binary>(Device::cpu, binary_kernel);
}

}  // namespace fovea::cpu
#endif
