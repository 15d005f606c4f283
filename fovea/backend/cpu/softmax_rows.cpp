// Rows of scores. A row stays in the first-level cache, so memory is passed once each way; the rest
// is one exponential an element, about 20 instructions a vector.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/softmax_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
// clang-format on

#include "fovea/backend/cpu/softmax_rows.h"

#include <algorithm>
#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// The library's exp is defined up to 104 and does not pass NaN on; here it does.
HWY_INLINE V SafeExp(D d, V x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, hn::Min(x, hn::Set(d, 104.0f))));
}

// A row shorter than a vector, filled up with `fill`. In longer rows the last vector overlaps the
// one before it instead, which costs no detour through memory.
HWY_INLINE V LoadShort(D d, const float* x, int64_t n, float fill) {
  HWY_ALIGN float buffer[hn::MaxLanes(d)];
  hn::Store(hn::Set(d, fill), d, buffer);
  std::copy_n(x, n, buffer);
  return hn::Load(d, buffer);
}
HWY_INLINE void StoreShort(V v, D d, float* y, int64_t n) {
  HWY_ALIGN float buffer[hn::MaxLanes(d)];
  hn::Store(v, d, buffer);
  std::copy_n(buffer, n, y);
}

// y[i] = f(x[i]); y may be x.
template <class F>
HWY_INLINE void MapRow(const float* x, float* y, int64_t n, F f) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  if (n < lanes) return StoreShort(f(LoadShort(d, x, n, 0)), d, y, n);
  const V last = hn::LoadU(d, x + n - lanes);  // before any of it is written
  for (int64_t i = 0; i + lanes < n; i += lanes) hn::StoreU(f(hn::LoadU(d, x + i)), d, y + i);
  hn::StoreU(f(last), d, y + n - lanes);
}

HWY_INLINE float RowMax(const float* x, int64_t n) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  V top = n < lanes ? LoadShort(d, x, n, -INFINITY) : hn::LoadU(d, x + n - lanes);
  for (int64_t i = 0; i + lanes < n; i += lanes) top = hn::Max(top, hn::LoadU(d, x + i));
  const float max = hn::GetLane(hn::MaxOfLanes(d, top));
  return std::isinf(max) ? 0 : max;  // all -inf, or an inf that is to show
}

// The sum of exp(x - top); the terms go to y unless that is null.
HWY_INLINE float ExpSum(const float* x, float top, float* y, int64_t n) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  const V shift = hn::Set(d, top);
  if (n < lanes) {
    const V e = SafeExp(d, hn::Sub(LoadShort(d, x, n, -INFINITY), shift));
    if (y) StoreShort(e, d, y, n);
    return hn::GetLane(hn::SumOfLanes(d, e));
  }
  V sum = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V e = SafeExp(d, hn::Sub(hn::LoadU(d, x + i), shift));
    if (y) hn::StoreU(e, d, y + i);
    sum = hn::Add(sum, e);
  }
  if (i < n) {
    const V e = SafeExp(d, hn::Sub(hn::LoadU(d, x + n - lanes), shift));
    if (y) hn::StoreU(e, d, y + n - lanes);
    const auto counted = hn::FirstN(d, size_t(lanes - (n - i)));
    sum = hn::Add(sum, hn::IfThenZeroElse(counted, e));
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

void SoftmaxLoop(SoftmaxOp op, const float* x, float* y, int64_t rows, int64_t n) {
  const D d;
  for (int64_t r = 0; r < rows; ++r, x += n) {
    const float top = RowMax(x, n);
    if (op == SoftmaxOp::softmax) {
      const float sum = ExpSum(x, top, y + r * n, n);
      MapRow(y + r * n, y + r * n, n, [=](V v) HWY_ATTR { return hn::Div(v, hn::Set(d, sum)); });
      continue;
    }
    const float log_sum = std::log(ExpSum(x, top, nullptr, n));
    if (op == SoftmaxOp::logsumexp) {
      y[r] = top + log_sum;
      continue;
    }
    // In two steps, so that large scores cost no digits.
    MapRow(x, y + r * n, n, [=](V v) HWY_ATTR {
      return hn::Sub(hn::Sub(v, hn::Set(d, top)), hn::Set(d, log_sum));
    });
  }
}

void CrossEntropyLoop(
    const CrossEntropyArgs& a, const CrossEntropyOut& o, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* x = a.x + r * n;
    const int32_t label = a.labels[r];
    const float top = RowMax(x, n);
    const double log_sum = std::log(double(ExpSum(x, top, nullptr, n)));
    o.lse[r] = float(double(top) + log_sum);
    if (label == a.ignore) {
      o.loss[r] = o.weight[r] = 0;
      continue;
    }
    const auto distance = [=](int64_t c) { return log_sum + (double(top) - double(x[c])); };
    const float weight = a.weights ? a.weights[label] : 1;
    double loss = double(a.hard) == 0 ? 0 : double(a.hard) * double(weight) * distance(label);
    if (a.even > 0) {
      double spread = 0;
      for (int64_t c = 0; c < n; ++c)
        spread += (a.weights ? double(a.weights[c]) : 1) * distance(c);
      loss += double(a.even) * spread;
    }
    o.loss[r] = float(loss);
    o.weight[r] = weight;
  }
}

void CrossEntropyGradientLoop(
    const CrossEntropyArgs& a,
    const float* lse,
    const float* dloss,
    float* dx,
    int64_t rows,
    int64_t n) {
  const D d;
  double weights = double(n);
  if (a.weights) {
    weights = 0;
    for (int64_t c = 0; c < n; ++c) weights += double(a.weights[c]);
  }
  for (int64_t r = 0; r < rows; ++r) {
    const int32_t label = a.labels[r];
    float* to = dx + r * n;
    const float weight = label == a.ignore ? 0 : a.weights ? a.weights[label] : 1;
    const float total = a.hard * weight + a.even * float(weights);
    if (label == a.ignore || total == 0) {
      std::fill_n(to, n, 0.0f);
      continue;
    }
    const V factor = hn::Set(d, dloss[r] * total), shift = hn::Set(d, lse[r]);
    MapRow(a.x + r * n, to, n, [=](V v) HWY_ATTR {
      return hn::Mul(factor, SafeExp(d, hn::Sub(v, shift)));
    });
    if (a.even > 0)
      for (int64_t c = 0; c < n; ++c) to[c] -= dloss[r] * a.even * (a.weights ? a.weights[c] : 1);
    to[label] -= dloss[r] * a.hard * weight;
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(SoftmaxLoop);
HWY_EXPORT(CrossEntropyLoop);
HWY_EXPORT(CrossEntropyGradientLoop);

}  // namespace

void softmax_rows(SoftmaxOp op, const float* x, float* y, int64_t rows, int64_t n) {
  HWY_DYNAMIC_DISPATCH(SoftmaxLoop)(op, x, y, rows, n);
}
void cross_entropy_rows(
    const CrossEntropyArgs& a, const CrossEntropyOut& o, int64_t rows, int64_t n) {
  HWY_DYNAMIC_DISPATCH(CrossEntropyLoop)(a, o, rows, n);
}
void cross_entropy_gradient_rows(
    const CrossEntropyArgs& a,
    const float* lse,
    const float* dloss,
    float* dx,
    int64_t rows,
    int64_t n) {
  HWY_DYNAMIC_DISPATCH(CrossEntropyGradientLoop)(a, lse, dloss, dx, rows, n);
}

}  // namespace fovea::cpu
#endif
