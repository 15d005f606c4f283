// Depthwise convolution and the gradient of its input, with vectors along C. One loop serves both:
// an output pixel is a sum over taps of input pixels, which the two only list differently.

// Highway compiles this file once per instruction set.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/depthwise_data.cpp"
#include "fovea/backend/cpu/depthwise.h"

#include <algorithm>
#include <vector>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/backend/cpu/for_channels-inl.h"
#include "fovea/backend/cpu/parallel.h"

#ifndef FOVEA_BACKEND_CPU_DEPTHWISE_DATA_
#define FOVEA_BACKEND_CPU_DEPTHWISE_DATA_
namespace fovea::cpu {

// Along one axis, what position `i` of the output sums: `from[k]` of the input with tap `tap[k]`,
// for k in [begin[i], begin[i + 1]).
struct AxisTaps {
  std::vector<int64_t> begin{0}, from, tap;
};

}  // namespace fovea::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

// Row i of one image's output; w (kh kw, C).
void DepthwiseRow(
    const AxisTaps& down,
    const AxisTaps& right,
    int64_t i,
    int64_t kw,
    int64_t row_stride,
    int64_t channels,
    const float* x,
    const float* w,
    const ConvFinish& finish,
    float* y) {
  const auto width = int64_t(right.begin.size()) - 1;
  ForChannels(channels, [&](auto d, int64_t c) HWY_ATTR {
    const auto zero = hn::Zero(d);
    const auto bias = finish.bias ? hn::LoadU(d, finish.bias + c) : zero;
    for (int64_t j = 0; j < width; ++j) {
      auto sum = bias;
      for (int64_t r = down.begin[size_t(i)]; r < down.begin[size_t(i + 1)]; ++r) {
        const float* row = x + down.from[size_t(r)] * row_stride + c;
        const float* taps = w + down.tap[size_t(r)] * kw * channels + c;
        for (int64_t k = right.begin[size_t(j)]; k < right.begin[size_t(j + 1)]; ++k)
          sum = hn::MulAdd(
              hn::LoadU(d, row + right.from[size_t(k)] * channels),
              hn::LoadU(d, taps + right.tap[size_t(k)] * channels),
              sum);
      }
      const int64_t at = j * channels + c;
      if (finish.residual) sum = hn::Add(sum, hn::LoadU(d, finish.residual + at));
      if (finish.relu) sum = hn::IfThenElse(hn::Le(sum, zero), zero, sum);  // keeps a NaN
      hn::StoreU(sum, d, y + at);
    }
  });
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(DepthwiseRow);

AxisTaps forward_taps(const Window& window, int64_t size, int64_t count) {
  AxisTaps t;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t p = 0; p < window.kernel; ++p) {
      const int64_t from = window.first(i) + p * window.dilation;
      if (from < 0 || from >= size) continue;
      t.from.push_back(from);
      t.tap.push_back(p);
    }
    t.begin.push_back(int64_t(t.from.size()));
  }
  return t;
}

// Of position i of x: the windows of y that read it, and with which tap.
AxisTaps backward_taps(const Window& window, int64_t size, int64_t count) {
  AxisTaps t;
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t p = 0; p < window.kernel; ++p) {
      const int64_t shifted = i + window.before - p * window.dilation;
      if (shifted < 0 || shifted % window.stride != 0 || shifted / window.stride >= count) continue;
      t.from.push_back(shifted / window.stride);
      t.tap.push_back(p);
    }
    t.begin.push_back(int64_t(t.from.size()));
  }
  return t;
}

struct Plane {
  int64_t height, width;
};

void run_rows(
    const ConvExtents& e,
    const AxisTaps& down,
    const AxisTaps& right,
    Plane in,
    Plane out,
    const float* x,
    const float* w,
    const ConvFinish& finish,
    float* y,
    Run& run) {
  const int64_t taps = e.kh * e.kw, c = e.out;
  std::span<float> by_tap = run.scratch.get<float>(size_t(taps * c));
  for (int64_t i = 0; i < c; ++i)
    for (int64_t t = 0; t < taps; ++t) by_tap[size_t(t * c + i)] = w[i * taps + t];
  const int64_t grain =
      std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(out.width * c * taps, 1));
  parallel_for(e.n * out.height, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t n = r / out.height, at = r * out.width * c;
      ConvFinish own = finish;
      if (own.residual) own.residual += at;
      HWY_DYNAMIC_DISPATCH(DepthwiseRow)
      (down,
       right,
       r % out.height,
       e.kw,
       in.width * c,
       c,
       x + n * in.height * in.width * c,
       by_tap.data(),
       own,
       y + at);
    }
  });
}

}  // namespace

bool is_depthwise(const ConvExtents& e) { return e.groups == e.in && e.in == e.out; }

void depthwise_forward(
    const ConvExtents& e,
    const float* x,
    const float* w,
    const ConvFinish& finish,
    float* y,
    Run& run) {
  run_rows(
      e,
      forward_taps(e.down, e.h, e.ho),
      forward_taps(e.right, e.w, e.wo),
      {e.h, e.w},
      {e.ho, e.wo},
      x,
      w,
      finish,
      y,
      run);
}

void depthwise_backward_data(
    const ConvExtents& e, const float* dy, const float* w, float* dx, Run& run) {
  run_rows(
      e,
      backward_taps(e.down, e.h, e.ho),
      backward_taps(e.right, e.w, e.wo),
      {e.ho, e.wo},
      {e.h, e.w},
      dy,
      w,
      {},
      dx,
      run);
}

}  // namespace fovea::cpu
#endif
