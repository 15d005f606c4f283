// The gradient of depthwise weights, with vectors along C. Bound by loads: each product reads one
// element of x, and one of dy for up to four taps.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/depthwise.cpp"
#include "fovea/backend/cpu/depthwise.h"

#include <algorithm>
#include <vector>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fovea/backend/cpu/for_channels-inl.h"
#include "fovea/backend/cpu/parallel.h"

#ifndef FOVEA_BACKEND_CPU_DEPTHWISE_
#define FOVEA_BACKEND_CPU_DEPTHWISE_
namespace fovea::cpu {

struct DepthwiseWeights {
  const ConvExtents& e;
  // The columns j of dy whose tap q lies inside x, for each q.
  struct Columns {
    int64_t begin, end;
  };
  std::vector<Columns> inside;
  bool bias = false;  // wanted
};

}  // namespace fovea::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// sums[t C] += sum_j dy[j] x[j s - l + (q + t) d] for t < Taps: a row of x, a row of dy and
// neighbouring taps, at one block of channels.
template <int Taps, class D>
HWY_INLINE void AddTaps(
    D d, const DepthwiseWeights& job, int64_t q, const float* x, const float* dy, float* sums) {
  const ConvExtents& e = job.e;
  const int64_t channels = e.out, step = e.right.dilation * channels;
  auto at = [&](int64_t j, int64_t t) {
    return x + (e.right.first(j) + (q + t) * e.right.dilation) * channels;
  };
  // Where every tap is inside; the others' ends are added one by one.
  const int64_t begin = job.inside[size_t(q)].begin;
  const int64_t end = std::max(begin, job.inside[size_t(q + Taps - 1)].end);
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
    const DepthwiseWeights::Columns own = job.inside[size_t(q + t)];
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
void WeightsRow(
    const DepthwiseWeights& job, int64_t i, const float* x, const float* dy, float* sums) {
  const ConvExtents& e = job.e;
  const int64_t channels = e.out, groups = (e.kw + 3) / 4, taps = (e.kw + groups - 1) / groups;
  // What the next row needs first, column by column as this one goes: read across, memory is slow.
  constexpr int64_t line = 16;
  const int64_t next = e.down.first(i + 1) + (e.kh - 1) * e.down.dilation;
  const float* next_x = x + std::clamp<int64_t>(next, 0, e.h - 1) * e.w * channels;
  const float* next_dy = dy + (i + 1 < e.ho ? e.wo * channels : 0);
  auto fetch = [&](int64_t c, int64_t j) {
    __builtin_prefetch(next_dy + j * channels + c);
    for (int64_t s = 0; s < e.right.stride; ++s)
      __builtin_prefetch(next_x + std::min(j * e.right.stride + s, e.w - 1) * channels + c);
  };
  ForChannels(channels, [&](auto d, int64_t c) HWY_ATTR {
    for (int64_t p = 0; p < e.kh; ++p) {
      const int64_t row = e.down.first(i) + p * e.down.dilation;
      if (row < 0 || row >= e.h) continue;
      const float* from = x + row * e.w * channels + c;
      for (int64_t q = 0; q < e.kw; q += taps) {
        float* to = sums + (p * e.kw + q) * channels + c;
        switch (std::min(taps, e.kw - q)) {
          case 1:
            AddTaps<1>(d, job, q, from, dy + c, to);
            break;
          case 2:
            AddTaps<2>(d, job, q, from, dy + c, to);
            break;
          case 3:
            AddTaps<3>(d, job, q, from, dy + c, to);
            break;
          default:
            AddTaps<4>(d, job, q, from, dy + c, to);
        }
      }
    }
    if (c % line == 0)
      for (int64_t j = 0; j < e.wo; ++j) fetch(c, j);
    if (!job.bias) return;
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

namespace {

DepthwiseWeights weights_job(const ConvExtents& e, bool bias) {
  DepthwiseWeights job{.e = e, .inside = {}, .bias = bias};
  const int64_t stride = e.right.stride;
  for (int64_t q = 0; q < e.kw; ++q) {
    const int64_t shift = e.right.before - q * e.right.dilation;
    const int64_t begin =
        std::clamp<int64_t>(shift <= 0 ? 0 : (shift + stride - 1) / stride, 0, e.wo);
    const int64_t last = e.w - 1 + shift;
    job.inside.push_back(
        {begin, std::clamp<int64_t>(last < 0 ? 0 : last / stride + 1, begin, e.wo)});
  }
  return job;
}

}  // namespace

bool needs_depthwise_weights(const ConvExtents& e) {
  return e.groups == e.in && e.in == e.out && e.kh * e.kw > 9;
}

namespace {

// Partial sums over a fixed number of chunks, so that they do not depend on the threads.
int64_t chunks_of(const ConvExtents& e) { return std::min<int64_t>(e.n * e.ho, 16); }
int64_t sums_of_chunk(const ConvExtents& e) { return (e.kh * e.kw + 1) * e.out; }

}  // namespace

int64_t depthwise_weights_scratch(const ConvExtents& e) {
  return chunks_of(e) * sums_of_chunk(e) * int64_t(sizeof(float));
}

void depthwise_weights(
    const ConvExtents& e, const float* x, const float* dy, float* dw, float* db, Run& run) {
  const int64_t rows = e.n * e.ho, chunks = chunks_of(e);
  const int64_t taps = e.kh * e.kw, channels = e.out, size = sums_of_chunk(e);
  std::span<float> sums = run.scratch.get<float>(size_t(chunks * size));
  const DepthwiseWeights job = weights_job(e, db != nullptr);
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      float* own = sums.data() + chunk * size;
      std::fill_n(own, size, 0.0f);
      for (int64_t r = rows * chunk / chunks; r < rows * (chunk + 1) / chunks; ++r)
        HWY_DYNAMIC_DISPATCH(WeightsRow)
      (job, r % e.ho, x + r / e.ho * e.h * e.w * channels, dy + r * e.wo * channels, own);
    }
  });
  parallel_for(size, 1 << 12, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = 1; chunk < chunks; ++chunk) {
      const float* from = sums.data() + chunk * size;
      for (int64_t k = begin; k < end; ++k) sums[size_t(k)] += from[k];
    }
  });
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t tap = 0; tap < taps; ++tap) dw[c * taps + tap] = sums[size_t(tap * channels + c)];
  if (db) std::copy_n(sums.data() + taps * channels, channels, db);
}

}  // namespace fovea::cpu
#endif
