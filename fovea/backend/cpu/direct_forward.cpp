// Convolution of few channels, with vectors along the filters.
//
// Bound by multiply-adds, one for each number of x that is spread over a vector: what the filters
// leave empty of the last vector is lost (a quarter for LeNet-5's six).

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/direct_forward.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>

#include "fovea/backend/cpu/direct-inl.h"
#include "fovea/backend/cpu/direct.h"
#include "fovea/backend/cpu/direct_bands.h"
#include "fovea/backend/cpu/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// w (O, taps), and the bias or zeros as one tap more.
void PackWeights(const DirectShape& s, const float* w, const float* bias, float* to) {
  const int64_t taps = s.taps();
  ForBlocks(s.e.out, [&](auto vectors, int64_t first, int64_t filters) {
    constexpr int64_t width = vectors * kLanes;
    float* block = to + first * (taps + 1);
    std::fill_n(block, (taps + 1) * width, 0.0f);
    for (int64_t o = 0; o < filters; ++o) {
      for (int64_t t = 0; t < taps; ++t) block[t * width + o] = w[(first + o) * taps + t];
      if (bias) block[taps * width + o] = bias[first + o];
    }
  });
}

// One row of a block of filters.
struct DirectRow {
  const DirectShape* s;
  const float* x;         // of the picture, where the first window begins
  const float* w;         // packed
  float* y;               // the first filter of the first pixel
  const float* residual;  // the same place, or null
  int64_t filters;        // of the block
  bool relu, alone;       // alone: a pixel may spill into the next, which is written after it
};

// The sums of the windows of Pixels pixels from `column` on: to (Pixels, Vectors * lanes).
template <int Pixels, int Vectors>
HWY_NOINLINE void SumWindows(const DirectRow& r, int64_t column, float* HWY_RESTRICT to) {
  const DirectTag d;
  const int64_t taps = r.s->taps(), step = r.s->e.right.stride * r.s->e.in;
  const int64_t* HWY_RESTRICT offsets = r.s->offsets.data();
  const float *x = r.x + column * step, *w = r.w, *bias = w + taps * Vectors * kLanes;
  DirectVec sum[Pixels * Vectors];
  Each<Pixels * Vectors>([&](auto k)
                             HWY_ATTR { sum[k] = hn::LoadU(d, bias + k % Vectors * kLanes); });
  for (int64_t t = 0; t < taps; ++t, w += Vectors * kLanes) {
    const float* tap = x + offsets[t];
    DirectVec filter[Vectors];
    Each<Vectors>([&](auto v) HWY_ATTR { filter[v] = hn::LoadU(d, w + v * kLanes); });
    Each<Pixels>([&](auto p) HWY_ATTR {
      const DirectVec number = hn::Set(d, tap[p * step]);
      Each<Vectors>([&](auto v) HWY_ATTR {
        sum[p * Vectors + v] = hn::MulAdd(number, filter[v], sum[p * Vectors + v]);
      });
    });
  }
  Each<Pixels * Vectors>([&](auto k) HWY_ATTR { hn::StoreU(sum[k], d, to + k * kLanes); });
}

// Keeps NaN.
HWY_INLINE DirectVec Relu(DirectVec v) {
  return hn::IfThenZeroElse(hn::Le(v, hn::Zero(DirectTag())), v);
}

// Pixels `column` to `column` + Pixels - 1.
template <int Pixels, int Vectors>
void ForwardPixels(const DirectRow& r, int64_t column) {
  const DirectTag d;
  const ConvExtents& e = r.s->e;
  alignas(64) float sums[Pixels * Vectors * kLanes];
  SumWindows<Pixels, Vectors>(r, column, sums);
  const float* sum = sums;
  int64_t at = column * e.out;
  if (r.alone && at + (Pixels - 1) * e.out + Vectors * kLanes <= e.wo * e.out) {
    for (int p = 0; p < Pixels; ++p, at += e.out, sum += Vectors * kLanes)
      Each<Vectors>([&](auto v) HWY_ATTR {
        const DirectVec result = hn::Load(d, sum + v * kLanes);
        hn::StoreU(r.relu ? Relu(result) : result, d, r.y + at + v * kLanes);
      });
    return;
  }
  for (; at < (column + Pixels) * e.out; at += e.out) {
    const bool whole = r.alone && at + Vectors * kLanes <= e.wo * e.out;
    for (int64_t first = 0; first < Vectors * kLanes; first += kLanes, sum += kLanes) {
      const int64_t count = whole ? kLanes : std::min(kLanes, r.filters - first);
      DirectVec v = hn::Load(d, sum);
      if (r.residual) v = hn::Add(v, LoadFirst(r.residual + at + first, count));
      if (r.relu) v = Relu(v);
      if (count == kLanes)
        hn::StoreU(v, d, r.y + at + first);
      else
        StoreFirst(v, count, r.y + at + first);
    }
  }
}

// In blocks of so many pixels that at most ten sums and what they need fit 16 registers. The last
// block is moved back, which writes some pixels twice.
template <int Vectors>
void ForwardRow(const DirectRow& r) {
  constexpr int pixels = Vectors == 1 ? 10 : Vectors == 2 ? 5 : Vectors == 3 ? 3 : 2;
  const int64_t columns = r.s->e.wo;
  int64_t j = 0;
  for (; j + pixels <= columns; j += pixels) ForwardPixels<pixels, Vectors>(r, j);
  if (j < columns && columns >= pixels && !r.residual)
    return ForwardPixels<pixels, Vectors>(r, columns - pixels);
  for (; j < columns; ++j) ForwardPixels<1, Vectors>(r, j);
}

void ForwardBand(
    const DirectShape& s,
    const DirectBand& band,
    const float* picture,
    const float* w,
    const ConvFinish& finish,
    float* y) {
  const ConvExtents& e = s.e;
  const bool alone = e.out <= 4 * kLanes && !finish.residual;
  ForBlocks(e.out, [&](auto vectors, int64_t first, int64_t filters) HWY_ATTR {
    for (int64_t i = band.begin; i < band.end; ++i) {
      const int64_t at = (band.image * e.ho + i) * e.wo * e.out + first;
      ForwardRow<vectors>(
          {&s,
           picture + (i - band.begin) * e.down.stride * s.row,
           w + first * (s.taps() + 1),
           y + at,
           finish.residual ? finish.residual + at : nullptr,
           filters,
           finish.relu,
           alone});
    }
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(PackWeights);
HWY_EXPORT(ForwardBand);

int64_t direct_forward_scratch(const ConvExtents& e) {
  const DirectShape s(e);
  const DirectBands bands(e.n, e.ho, threads());
  const int64_t pictures = std::min<int64_t>(threads(), bands.items());
  return (s.weights() + pictures * s.picture(bands)) * int64_t(sizeof(float));
}

void direct_forward(
    const ConvExtents& e,
    const float* x,
    const float* w,
    const ConvFinish& finish,
    float* y,
    Run& run) {
  const DirectShape s(e);
  const DirectBands bands(e.n, e.ho, threads());
  const int64_t items = bands.items(), used = std::min<int64_t>(threads(), items);
  const int64_t size = s.picture(bands);
  float* packed = run.scratch.get<float>(size_t(s.weights() + used * size)).data();
  HWY_DYNAMIC_DISPATCH(PackWeights)(s, w, finish.bias, packed);
  parallel_for(used, 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      for (int64_t i = items * t / used; i < items * (t + 1) / used; ++i) {
        float* picture = packed + s.weights() + t * size;
        s.fill(bands.at(i), x, picture);
        HWY_DYNAMIC_DISPATCH(ForwardBand)(s, bands.at(i), picture, packed, finish, y);
      }
  });
}

}  // namespace fovea::cpu
#endif
