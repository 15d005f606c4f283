// Depthwise convolution and the gradient of its input, with vectors along C. One loop serves both:
// an output pixel is a sum over taps of input pixels, which the two only list differently.

// Highway compiles this file once per instruction set.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/depthwise_data.cpp"
#include "fovea/backend/cpu/depthwise.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/backend/cpu/for_channels-inl.h"
#include "fovea/backend/cpu/parallel.h"

#ifndef FOVEA_BACKEND_CPU_DEPTHWISE_DATA_
#define FOVEA_BACKEND_CPU_DEPTHWISE_DATA_
namespace fovea::cpu {

// What a position of the output sums along one axis: `count` elements of the input, from `from` on,
// with filter taps from `tap` on. The next element and tap are a step of the axis away.
struct Reach {
  int64_t from, tap, count;
};
struct DepthwiseAxis {
  int64_t from_step = 1, tap_step = 1;
  std::vector<Reach> at;  // of each position
};

struct DepthwisePlane {
  DepthwiseAxis down, right;
  int64_t row = 0;       // elements of the input
  int64_t channels = 0;  // C
  int64_t kw = 0;
};

}  // namespace fovea::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

struct Tap {
  int64_t x, w;  // elements to add to a pointer
};

// Where an output pixel begins, at some channels.
struct Pixel {
  const float* x;
  ConvFinish finish;
  float* y;
};

// The sums over the taps of one pixel, or of two that are `apart` elements of x and `channels` of y
// apart, at as many vectors of channels.
template <int Pixels, int Vectors, class D>
HWY_INLINE void SumTaps(
    D d,
    const std::vector<Tap>& taps,
    const Pixel& pixel,
    int64_t apart,
    int64_t channels,
    const float* w) {
  const auto lanes = int64_t(hn::Lanes(d));
  const auto zero = hn::Zero(d);
  hn::Vec<D> sums[Pixels][Vectors];
  for (int v = 0; v < Vectors; ++v) {
    const auto bias = pixel.finish.bias ? hn::LoadU(d, pixel.finish.bias + v * lanes) : zero;
    for (int p = 0; p < Pixels; ++p) sums[p][v] = bias;
  }
  for (const Tap& tap : taps)
    for (int v = 0; v < Vectors; ++v) {
      const auto by = hn::LoadU(d, w + tap.w + v * lanes);
      for (int p = 0; p < Pixels; ++p)
        sums[p][v] =
            hn::MulAdd(hn::LoadU(d, pixel.x + tap.x + p * apart + v * lanes), by, sums[p][v]);
    }
  for (int p = 0; p < Pixels; ++p)
    for (int v = 0; v < Vectors; ++v) {
      auto sum = sums[p][v];
      const int64_t at = p * channels + v * lanes;
      if (pixel.finish.residual) sum = hn::Add(sum, hn::LoadU(d, pixel.finish.residual + at));
      if (pixel.finish.relu) sum = hn::IfThenElse(hn::Le(sum, zero), zero, sum);  // keeps a NaN
      hn::StoreU(sum, d, pixel.y + at);
    }
}

// One or two pixels at all channels.
template <int Pixels>
HWY_INLINE void SumChannels(
    const std::vector<Tap>& taps,
    const Pixel& first,
    int64_t apart,
    int64_t channels,
    const float* w) {
  constexpr int kVectors = 4;
  const hn::ScalableTag<float> full;
  const int64_t block = kVectors * int64_t(hn::Lanes(full));
  auto at = [&](int64_t c) {
    Pixel own{first.x + c, first.finish, first.y + c};
    if (own.finish.bias) own.finish.bias += c;
    if (own.finish.residual) own.finish.residual += c;
    return own;
  };
  int64_t c = 0;
  for (; c + block <= channels; c += block)
    SumTaps<Pixels, kVectors>(full, taps, at(c), apart, channels, w + c);
  ForChannels(channels - c, [&](auto d, int64_t rest) HWY_ATTR {
    SumTaps<Pixels, 1>(d, taps, at(c + rest), apart, channels, w + c + rest);
  });
}

// Row i of one image's output; w (kh kw, C). Pixel by pixel, so that memory is read in order; the
// weights stay in the first cache.
void DepthwiseRow(
    const DepthwisePlane& p,
    int64_t i,
    const float* x,
    const float* w,
    const ConvFinish& finish,
    float* y) {
  const int64_t channels = p.channels;
  const Reach& down = p.down.at[size_t(i)];
  const std::vector<Reach>& right = p.right.at;
  auto alike = [&](size_t j, size_t k) {
    return right[j].tap == right[k].tap && right[j].count == right[k].count;
  };
  std::vector<Tap> taps;
  for (size_t j = 0; j < right.size();) {
    if (j == 0 || !alike(j, j - 1)) {
      taps.clear();
      for (int64_t r = 0; r < down.count; ++r)
        for (int64_t q = 0; q < right[j].count; ++q)
          taps.push_back(
              {r * p.down.from_step * p.row + q * p.right.from_step * channels,
               ((down.tap + r * p.down.tap_step) * p.kw + right[j].tap + q * p.right.tap_step) *
                   channels});
    }
    const int64_t at = int64_t(j) * channels;
    Pixel pixel{x + down.from * p.row + right[j].from * channels, finish, y + at};
    if (pixel.finish.residual) pixel.finish.residual += at;
    if (j + 1 < right.size() && alike(j, j + 1)) {
      const int64_t apart = (right[j + 1].from - right[j].from) * channels;
      SumChannels<2>(taps, pixel, apart, channels, w);
      j += 2;
    } else {
      SumChannels<1>(taps, pixel, 0, channels, w);
      ++j;
    }
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(DepthwiseRow);

DepthwiseAxis forward_axis(const Window& window, int64_t size, int64_t count) {
  DepthwiseAxis axis{.from_step = window.dilation, .at = {}};
  axis.at.reserve(size_t(count));
  const int64_t step = window.dilation;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = window.first(i), tap = first < 0 ? (step - 1 - first) / step : 0;
    const int64_t inside = first < size ? (size - 1 - first) / step + 1 : 0;
    axis.at.push_back(
        {first + tap * step, tap, std::max<int64_t>(0, std::min(window.kernel, inside) - tap)});
  }
  return axis;
}

// Of position i of x: the windows of y that read it, and with which tap.
DepthwiseAxis backward_axis(const Window& window, int64_t size, int64_t count) {
  const int64_t every = window.stride / std::gcd(window.stride, window.dilation);
  DepthwiseAxis axis{
      .from_step = -every * window.dilation / window.stride, .tap_step = every, .at = {}};
  axis.at.reserve(size_t(size));
  for (int64_t i = 0; i < size; ++i) {
    Reach reach{0, 0, 0};
    for (int64_t p = 0; p < window.kernel; ++p) {
      const int64_t shifted = i + window.before - p * window.dilation;
      if (shifted < 0 || shifted % window.stride != 0 || shifted / window.stride >= count) continue;
      if (reach.count++ == 0) reach = {shifted / window.stride, p, 1};
    }
    axis.at.push_back(reach);
  }
  return axis;
}

int64_t floats_of_taps(const ConvExtents& e) { return e.kh * e.kw * e.out; }

void run_rows(
    const ConvExtents& e,
    const DepthwisePlane& plane,
    int64_t in_height,
    const float* x,
    const float* w,
    const ConvFinish& finish,
    float* y,
    Run& run) {
  const int64_t taps = e.kh * e.kw, c = e.out;
  const auto height = int64_t(plane.down.at.size()), width = int64_t(plane.right.at.size());
  std::span<float> by_tap = run.scratch.get<float>(size_t(floats_of_taps(e)));
  for (int64_t i = 0; i < c; ++i)
    for (int64_t t = 0; t < taps; ++t) by_tap[size_t(t * c + i)] = w[i * taps + t];
  const int64_t grain = std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(width * c * taps, 1));
  parallel_for(e.n * height, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t at = r * width * c;
      ConvFinish own = finish;
      if (own.residual) own.residual += at;
      const float* image = x + r / height * in_height * plane.row;
      HWY_DYNAMIC_DISPATCH(DepthwiseRow)(plane, r % height, image, by_tap.data(), own, y + at);
    }
  });
}

}  // namespace

bool is_depthwise(const ConvExtents& e) { return e.groups == e.in && e.in == e.out; }

int64_t depthwise_scratch(const ConvExtents& e) {
  return floats_of_taps(e) * int64_t(sizeof(float));
}

void depthwise_forward(
    const ConvExtents& e,
    const float* x,
    const float* w,
    const ConvFinish& finish,
    float* y,
    Run& run) {
  const DepthwisePlane plane{
      .down = forward_axis(e.down, e.h, e.ho),
      .right = forward_axis(e.right, e.w, e.wo),
      .row = e.w * e.in,
      .channels = e.in,
      .kw = e.kw};
  run_rows(e, plane, e.h, x, w, finish, y, run);
}

void depthwise_backward_data(
    const ConvExtents& e, const float* dy, const float* w, float* dx, Run& run) {
  const DepthwisePlane plane{
      .down = backward_axis(e.down, e.h, e.ho),
      .right = backward_axis(e.right, e.w, e.wo),
      .row = e.wo * e.in,
      .channels = e.in,
      .kw = e.kw};
  run_rows(e, plane, e.ho, dy, w, {}, dx, run);
}

}  // namespace fovea::cpu
#endif
