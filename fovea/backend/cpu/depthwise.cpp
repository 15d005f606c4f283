// The gradient of depthwise weights, with vectors along C. Bound by loads: each product reads one
// element of x, and one of dy for up to four taps.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/depthwise.cpp"
#include "fovea/backend/cpu/depthwise.h"

#include <algorithm>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fovea/backend/cpu/for_channels-inl.h"
#include "fovea/backend/cpu/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// The columns j of dy whose tap q lies inside x.
struct Columns {
  int64_t begin, end;
};
Columns ColumnsOf(const ConvExtents& e, int64_t q) {
  const int64_t shift = e.right.before - q * e.right.dilation, stride = e.right.stride;
  const int64_t begin =
      std::clamp<int64_t>(shift <= 0 ? 0 : (shift + stride - 1) / stride, 0, e.wo);
  const int64_t last = e.w - 1 + shift;
  return {begin, std::clamp<int64_t>(last < 0 ? 0 : last / stride + 1, begin, e.wo)};
}

// sums[t C] += sum_j dy[j] x[j s - l + (q + t) d] for t < Taps: a row of x, a row of dy and
// neighbouring taps, at one block of channels.
template <int Taps, class D>
HWY_INLINE void AddTaps(
    D d, const ConvExtents& e, int64_t q, const float* x, const float* dy, float* sums) {
  const int64_t channels = e.out, step = e.right.dilation * channels;
  auto at = [&](int64_t j, int64_t t) {
    return x + (e.right.first(j) + (q + t) * e.right.dilation) * channels;
  };
  // Where every tap is inside; the others' ends are added one by one.
  const int64_t begin = ColumnsOf(e, q).begin;
  const int64_t end = std::max(begin, ColumnsOf(e, q + Taps - 1).end);
  auto a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0;
  for (int64_t j = begin; j < end; ++j) {
    const auto g = hn::LoadU(d, dy + j * channels);
    const float* from = at(j, 0);
    a0 = hn::MulAdd(g, hn::LoadU(d, from), a0);
    if constexpr (Taps > 1) a1 = hn::MulAdd(g, hn::LoadU(d, from + step), a1);
    if constexpr (Taps > 2) a2 = hn::MulAdd(g, hn::LoadU(d, from + 2 * step), a2);
    if constexpr (Taps > 3) a3 = hn::MulAdd(g, hn::LoadU(d, from + 3 * step), a3);
  }
  auto finish = [&](int64_t t, auto sum) HWY_ATTR {
    const Columns own = ColumnsOf(e, q + t);
    auto add = [&](int64_t from, int64_t to) HWY_ATTR {
      for (int64_t j = from; j < to; ++j)
        sum = hn::MulAdd(hn::LoadU(d, dy + j * channels), hn::LoadU(d, at(j, t)), sum);
    };
    add(own.begin, std::min(begin, own.end));
    add(std::max(end, own.begin), own.end);
    float* to = sums + t * channels;
    hn::StoreU(hn::Add(sum, hn::LoadU(d, to)), d, to);
  };
  finish(0, a0);
  if constexpr (Taps > 1) finish(1, a1);
  if constexpr (Taps > 2) finish(2, a2);
  if constexpr (Taps > 3) finish(3, a3);
}

// Adds what row i of dy (of one image) contributes to sums (kh kw + 1, C), the last row of which is
// for the bias.
void WeightsRow(const ConvExtents& e, int64_t i, const float* x, const float* dy, float* sums) {
  const int64_t channels = e.out, groups = (e.kw + 3) / 4, taps = (e.kw + groups - 1) / groups;
  ForChannels(channels, [&](auto d, int64_t c) HWY_ATTR {
    for (int64_t p = 0; p < e.kh; ++p) {
      const int64_t row = e.down.first(i) + p * e.down.dilation;
      if (row < 0 || row >= e.h) continue;
      const float* from = x + row * e.w * channels + c;
      for (int64_t q = 0; q < e.kw; q += taps) {
        float* to = sums + (p * e.kw + q) * channels + c;
        switch (std::min(taps, e.kw - q)) {
          case 1:
            AddTaps<1>(d, e, q, from, dy + c, to);
            break;
          case 2:
            AddTaps<2>(d, e, q, from, dy + c, to);
            break;
          case 3:
            AddTaps<3>(d, e, q, from, dy + c, to);
            break;
          default:
            AddTaps<4>(d, e, q, from, dy + c, to);
        }
      }
    }
    auto bias = hn::LoadU(d, sums + e.kh * e.kw * channels + c);
    for (int64_t j = 0; j < e.wo; ++j) bias = hn::Add(bias, hn::LoadU(d, dy + j * channels + c));
    hn::StoreU(bias, d, sums + e.kh * e.kw * channels + c);
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

HWY_EXPORT(WeightsRow);

bool needs_depthwise_weights(const ConvExtents& e) {
  return e.groups == e.in && e.in == e.out && e.kh * e.kw > 9;
}

void depthwise_weights(
    const ConvExtents& e, const float* x, const float* dy, float* dw, float* db, Run& run) {
  // Partial sums over a fixed number of chunks, so that they do not depend on the threads.
  const int64_t rows = e.n * e.ho, chunks = std::min<int64_t>(rows, 16);
  const int64_t taps = e.kh * e.kw, channels = e.out, size = (taps + 1) * channels;
  std::span<float> sums = run.scratch.get<float>(size_t(chunks * size));
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      float* own = sums.data() + chunk * size;
      std::fill_n(own, size, 0.0f);
      for (int64_t r = rows * chunk / chunks; r < rows * (chunk + 1) / chunks; ++r)
        HWY_DYNAMIC_DISPATCH(WeightsRow)
      (e, r % e.ho, x + r / e.ho * e.h * e.w * channels, dy + r * e.wo * channels, own);
    }
  });
  for (int64_t k = 0; k < size; ++k) {
    float total = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) total += sums[size_t(chunk * size + k)];
    const int64_t tap = k / channels, c = k % channels;
    if (tap < taps)
      dw[c * taps + tap] = total;
    else if (db)
      db[c] = total;
  }
}

}  // namespace fovea::cpu
#endif
