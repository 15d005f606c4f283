// Inner loops of normalisation. Bound by memory: per element batch norm reads x twice and writes y;
// its gradient reads x and dy twice (y too behind a residual) and writes dx.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/channels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/backend/cpu/channels.h"

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using One = hn::CappedTag<float, 1>;

// f is instantiated for whole vectors and for single columns, so that tails need no second version.
template <class Tag, int kUnroll>
HWY_INLINE void MomentsAt(
    Tag d, const float* x, int64_t c, int64_t rows, int64_t width, const ColumnMoments& out) {
  using V = hn::Vec<Tag>;
  const auto lanes = int64_t(hn::Lanes(d));
  V sum[kUnroll], center[kUnroll], square[kUnroll];
  for (int u = 0; u < kUnroll; ++u) sum[u] = hn::Zero(d);
  for (int64_t r = 0; r < rows; ++r)
    for (int u = 0; u < kUnroll; ++u)
      sum[u] = hn::Add(sum[u], hn::LoadU(d, x + r * width + c + u * lanes));
  const V scale = hn::Set(d, 1.0f / float(rows));
  for (int u = 0; u < kUnroll; ++u) {
    center[u] = hn::Mul(sum[u], scale);
    sum[u] = square[u] = hn::Zero(d);
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int u = 0; u < kUnroll; ++u) {
      const V v = hn::Sub(hn::LoadU(d, x + r * width + c + u * lanes), center[u]);
      sum[u] = hn::Add(sum[u], v);
      square[u] = hn::MulAdd(v, v, square[u]);
    }
  }
  for (int u = 0; u < kUnroll; ++u) {
    const V rest = hn::Mul(sum[u], scale);
    hn::StoreU(center[u], d, out.mean + c + u * lanes);
    hn::StoreU(rest, d, out.rest + c + u * lanes);
    hn::StoreU(hn::NegMulAdd(rest, sum[u], square[u]), d, out.m2 + c + u * lanes);
  }
}

void MomentsLoop(const float* x, int64_t rows, int64_t width, const ColumnMoments& out) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  int64_t c = 0;
  for (; c + 4 * lanes <= width; c += 4 * lanes) MomentsAt<D, 4>(d, x, c, rows, width, out);
  for (; c + lanes <= width; c += lanes) MomentsAt<D, 1>(d, x, c, rows, width, out);
  for (; c < width; ++c) MomentsAt<One, 1>(One(), x, c, rows, width, out);
}

template <bool kRelu, bool kResidual, class Tag>
HWY_INLINE void ScaleShiftAt(Tag d, const ScaleShiftArgs& a, int64_t i, int64_t c) {
  auto v = hn::Sub(hn::LoadU(d, a.x + i), hn::LoadU(d, a.mean + c));
  v = hn::MulAdd(v, hn::LoadU(d, a.scale + c), hn::LoadU(d, a.shift + c));
  if constexpr (kResidual) v = hn::Add(v, hn::LoadU(d, a.residual + i));
  if constexpr (kRelu) v = hn::IfThenElse(hn::Le(v, hn::Zero(d)), hn::Zero(d), v);  // keeps NaN
  hn::StoreU(v, d, a.y + i);
}

template <bool kRelu, bool kResidual>
void ScaleShift(const ScaleShiftArgs& a, int64_t rows, int64_t width) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  for (int64_t r = 0; r < rows; ++r) {
    int64_t c = 0, i = r * width;
    for (; c + lanes <= width; c += lanes) ScaleShiftAt<kRelu, kResidual>(d, a, i + c, c);
    for (; c < width; ++c) ScaleShiftAt<kRelu, kResidual>(One(), a, i + c, c);
  }
}

void ScaleShiftLoop(const ScaleShiftArgs& a, int64_t rows, int64_t width) {
  if (a.relu)
    a.residual ? ScaleShift<true, true>(a, rows, width) : ScaleShift<true, false>(a, rows, width);
  else
    a.residual ? ScaleShift<false, true>(a, rows, width) : ScaleShift<false, false>(a, rows, width);
}

// dy at i as it passes the gate, given x - mean and the column's scale and shift.
template <Gate kGate, class Tag, class V = hn::Vec<Tag>>
HWY_INLINE V Gated(Tag d, const GradientArgs& a, int64_t i, V centered, V scale, V shift) {
  const V g = hn::LoadU(d, a.dy + i);
  if constexpr (kGate == Gate::from_x)
    return hn::IfThenElseZero(hn::Gt(hn::MulAdd(centered, scale, shift), hn::Zero(d)), g);
  if constexpr (kGate == Gate::from_y)
    return hn::IfThenElseZero(hn::Gt(hn::LoadU(d, a.y + i), hn::Zero(d)), g);
  return g;
}

template <Gate kGate, int kUnroll, class Tag>
HWY_INLINE void GradientSums(
    Tag d,
    const GradientArgs& a,
    int64_t c,
    int64_t rows,
    int64_t width,
    float* sum_out,
    float* dot_out) {
  using V = hn::Vec<Tag>;
  const auto lanes = int64_t(hn::Lanes(d));
  V sum[kUnroll], dot[kUnroll], mean[kUnroll], scale[kUnroll], shift[kUnroll];
  for (int u = 0; u < kUnroll; ++u) {
    sum[u] = dot[u] = scale[u] = shift[u] = hn::Zero(d);
    mean[u] = hn::LoadU(d, a.mean + c + u * lanes);
    if constexpr (kGate == Gate::from_x) {
      scale[u] = hn::LoadU(d, a.scale + c + u * lanes);
      shift[u] = hn::LoadU(d, a.shift + c + u * lanes);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int u = 0; u < kUnroll; ++u) {
      const int64_t i = r * width + c + u * lanes;
      const V centered = hn::Sub(hn::LoadU(d, a.x + i), mean[u]);
      const V g = Gated<kGate>(d, a, i, centered, scale[u], shift[u]);
      sum[u] = hn::Add(sum[u], g);
      dot[u] = hn::MulAdd(g, centered, dot[u]);
    }
  }
  for (int u = 0; u < kUnroll; ++u) {
    hn::StoreU(sum[u], d, sum_out + c + u * lanes);
    hn::StoreU(dot[u], d, dot_out + c + u * lanes);
  }
}

template <Gate kGate>
void GradientSumsFor(const GradientArgs& a, int64_t rows, int64_t width, float* sum, float* dot) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  int64_t c = 0;
  for (; c + 4 * lanes <= width; c += 4 * lanes)
    GradientSums<kGate, 4>(d, a, c, rows, width, sum, dot);
  for (; c + lanes <= width; c += lanes) GradientSums<kGate, 1>(d, a, c, rows, width, sum, dot);
  for (; c < width; ++c) GradientSums<kGate, 1>(One(), a, c, rows, width, sum, dot);
}

void GradientSumsLoop(const GradientArgs& a, int64_t rows, int64_t width, float* sum, float* dot) {
  switch (a.gate) {
    case Gate::open:
      return GradientSumsFor<Gate::open>(a, rows, width, sum, dot);
    case Gate::from_x:
      return GradientSumsFor<Gate::from_x>(a, rows, width, sum, dot);
    case Gate::from_y:
      return GradientSumsFor<Gate::from_y>(a, rows, width, sum, dot);
  }
}

template <Gate kGate, class Tag>
HWY_INLINE void GradientAt(
    Tag d, const GradientArgs& a, const GradientOut& o, int64_t i, int64_t c) {
  const auto centered = hn::Sub(hn::LoadU(d, a.x + i), hn::LoadU(d, a.mean + c));
  auto scale = hn::Zero(d), shift = scale;
  if constexpr (kGate == Gate::from_x) {
    scale = hn::LoadU(d, a.scale + c);
    shift = hn::LoadU(d, a.shift + c);
  }
  const auto g = Gated<kGate>(d, a, i, centered, scale, shift);
  auto dx = hn::MulAdd(centered, hn::LoadU(d, o.b + c), hn::LoadU(d, o.c + c));
  hn::StoreU(hn::MulAdd(g, hn::LoadU(d, o.a + c), dx), d, o.dx + i);
  if constexpr (kGate == Gate::from_y)
    if (o.dresidual) hn::StoreU(g, d, o.dresidual + i);
}

template <Gate kGate>
void Gradient(const GradientArgs& a, const GradientOut& o, int64_t rows, int64_t width) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  for (int64_t r = 0; r < rows; ++r) {
    int64_t c = 0, i = r * width;
    for (; c + lanes <= width; c += lanes) GradientAt<kGate>(d, a, o, i + c, c);
    for (; c < width; ++c) GradientAt<kGate>(One(), a, o, i + c, c);
  }
}

void GradientLoop(const GradientArgs& a, const GradientOut& o, int64_t rows, int64_t width) {
  switch (a.gate) {
    case Gate::open:
      return Gradient<Gate::open>(a, o, rows, width);
    case Gate::from_x:
      return Gradient<Gate::from_x>(a, o, rows, width);
    case Gate::from_y:
      return Gradient<Gate::from_y>(a, o, rows, width);
  }
}

// The sum of f(tag, i) over i in [0, n), in four vector accumulators.
template <class F>
HWY_INLINE float SumOver(int64_t n, F f) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    s0 = hn::Add(s0, f(d, i));
    s1 = hn::Add(s1, f(d, i + lanes));
    s2 = hn::Add(s2, f(d, i + 2 * lanes));
    s3 = hn::Add(s3, f(d, i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) s0 = hn::Add(s0, f(d, i));
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
  for (; i < n; ++i) sum += hn::GetLane(f(One(), i));
  return sum;
}

template <class F>
HWY_INLINE void ForEach(int64_t n, F f) {
  const D d;
  const auto lanes = int64_t(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(d, i);
  for (; i < n; ++i) f(One(), i);
}

void LayerLoop(const LayerArgs& a, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* x = a.x + r * n;
    float* y = a.y + r * n;
    float mean = SumOver(n, [=](auto d, int64_t i) HWY_ATTR { return hn::LoadU(d, x + i); });
    mean /= float(n);
    const auto distance = [=](auto d, int64_t i)
                              HWY_ATTR { return hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean)); };
    const float rest = SumOver(n, distance) / float(n);  // what rounding the mean lost
    const auto centered = [=](auto d, int64_t i)
                              HWY_ATTR { return hn::Sub(distance(d, i), hn::Set(d, rest)); };
    const float var = SumOver(
                          n,
                          [=](auto d, int64_t i) HWY_ATTR {
                            const auto v = centered(d, i);
                            return hn::Mul(v, v);
                          }) /
                      float(n);
    const float rstd = 1 / std::sqrt(var + a.eps);
    a.mean[r] = mean + rest;
    a.rstd[r] = rstd;
    ForEach(n, [=](auto d, int64_t i) HWY_ATTR {
      const auto v = hn::Mul(centered(d, i), hn::Set(d, rstd));
      hn::StoreU(hn::MulAdd(v, hn::LoadU(d, a.gamma + i), hn::LoadU(d, a.beta + i)), d, y + i);
    });
  }
}

void LayerGradientLoop(const LayerGradientArgs& a, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r) {
    const float *x = a.x + r * n, *dy = a.dy + r * n;
    float* dx = a.dx + r * n;
    const float mean = a.mean[r], rstd = a.rstd[r];
    const auto xhat = [=](auto d, int64_t i) HWY_ATTR {
      return hn::Mul(hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean)), hn::Set(d, rstd));
    };
    const float* gamma = a.gamma;
    const auto h = [=](auto d, int64_t i)
                       HWY_ATTR { return hn::Mul(hn::LoadU(d, dy + i), hn::LoadU(d, gamma + i)); };
    const float sum = SumOver(n, h) / float(n);
    const float dot =
        SumOver(n, [=](auto d, int64_t i) HWY_ATTR { return hn::Mul(h(d, i), xhat(d, i)); }) /
        float(n);
    ForEach(n, [=](auto d, int64_t i) HWY_ATTR {
      const auto v = xhat(d, i), g = hn::LoadU(d, dy + i);
      const auto rest = hn::NegMulAdd(v, hn::Set(d, dot), hn::Sub(h(d, i), hn::Set(d, sum)));
      hn::StoreU(hn::Mul(rest, hn::Set(d, rstd)), d, dx + i);
      hn::StoreU(hn::MulAdd(g, v, hn::LoadU(d, a.dgamma + i)), d, a.dgamma + i);
      hn::StoreU(hn::Add(g, hn::LoadU(d, a.dbeta + i)), d, a.dbeta + i);
    });
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(MomentsLoop);
HWY_EXPORT(ScaleShiftLoop);
HWY_EXPORT(GradientSumsLoop);
HWY_EXPORT(GradientLoop);
HWY_EXPORT(LayerLoop);
HWY_EXPORT(LayerGradientLoop);

}  // namespace

void column_moments(const float* x, int64_t rows, int64_t width, const ColumnMoments& out) {
  HWY_DYNAMIC_DISPATCH(MomentsLoop)(x, rows, width, out);
}
void scale_shift_rows(const ScaleShiftArgs& a, int64_t rows, int64_t width) {
  HWY_DYNAMIC_DISPATCH(ScaleShiftLoop)(a, rows, width);
}
void gradient_sums(const GradientArgs& a, int64_t rows, int64_t width, float* sum, float* dot) {
  HWY_DYNAMIC_DISPATCH(GradientSumsLoop)(a, rows, width, sum, dot);
}
void gradient_rows(const GradientArgs& a, const GradientOut& o, int64_t rows, int64_t width) {
  HWY_DYNAMIC_DISPATCH(GradientLoop)(a, o, rows, width);
}
void layer_rows(const LayerArgs& a, int64_t rows, int64_t n) {
  HWY_DYNAMIC_DISPATCH(LayerLoop)(a, rows, n);
}
void layer_gradient_rows(const LayerGradientArgs& a, int64_t rows, int64_t n) {
  HWY_DYNAMIC_DISPATCH(LayerGradientLoop)(a, rows, n);
}

}  // namespace fovea::cpu
#endif
