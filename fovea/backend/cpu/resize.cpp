// Resizing, as a product with a sparse matrix for the rows and one for the columns. Each output row
// is first a weighted sum of whole input rows, then of pixels within it; the gradient is the same
// with the matrices transposed. Bound by reading each input row once per tap from the cache.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/resize.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/ops/resize.h"

#include <algorithm>
#include <cstring>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/ref/resize.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// y[i] = sum over k of weight[k] x[from[k] * stride + i], for i below n.
void WeightedSum(
    const float* x,
    int64_t stride,
    const int32_t* from,
    const float* weight,
    int32_t taps,
    float* y,
    int64_t n) {
  const hn::ScalableTag<float> d;
  const auto lanes = int64_t(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto sum = hn::Zero(d);
    for (int32_t k = 0; k < taps; ++k)
      sum = hn::MulAdd(hn::Set(d, weight[k]), hn::LoadU(d, x + from[k] * stride + i), sum);
    hn::StoreU(sum, d, y + i);
  }
  for (; i < n; ++i) {
    float sum = 0;
    for (int32_t k = 0; k < taps; ++k) sum += weight[k] * x[from[k] * stride + i];
    y[i] = sum;
  }
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(WeightedSum);

constexpr int64_t grain = 16 * 1024;  // output elements a thread should have at least

// The columns of one row with few channels, whose number the compiler knows.
template <int C>
void narrow_columns(const AxisWeights& w, const float* x, float* y) {
  for (size_t j = 0; j + 1 < w.row.size(); ++j, y += C) {
    float sum[C] = {};
    for (auto k = size_t(w.row[j]); k < size_t(w.row[j + 1]); ++k)
      for (int c = 0; c < C; ++c) sum[c] += w.weight[k] * x[w.from[k] * C + c];
    std::copy_n(sum, C, y);
  }
}

void columns_of(const AxisWeights& w, const float* x, int64_t channels, float* y) {
  switch (channels) {
    case 1:
      return narrow_columns<1>(w, x, y);
    case 2:
      return narrow_columns<2>(w, x, y);
    case 3:
      return narrow_columns<3>(w, x, y);
    case 4:
      return narrow_columns<4>(w, x, y);
    default:
      break;
  }
  auto sum = HWY_DYNAMIC_DISPATCH(WeightedSum);
  for (size_t j = 0; j + 1 < w.row.size(); ++j, y += channels) {
    auto first = size_t(w.row[j]);
    sum(x,
        channels,
        w.from.data() + first,
        w.weight.data() + first,
        w.row[j + 1] - w.row[j],
        y,
        channels);
  }
}

void apply(const AxisWeights& rows, const AxisWeights& columns, const Tensor& in, Tensor& out) {
  int64_t in_row = in.dim(2) * in.dim(3), out_row = out.dim(2) * out.dim(3), height = out.dim(1);
  if (out.numel() == 0 || in_row == 0) return;
  const float* x = in.data<float>().data();
  float* y = out.mutable_data<float>().data();
  auto sum = HWY_DYNAMIC_DISPATCH(WeightedSum);
  parallel_for(in.dim(0) * height, 1 + grain / out_row, [&](int64_t begin, int64_t end) {
    std::vector<float> mixed(static_cast<size_t>(in_row));
    for (int64_t row = begin; row < end; ++row) {
      const float* image = x + row / height * in.dim(1) * in_row;
      auto first = size_t(rows.row[size_t(row % height)]);
      int32_t taps = rows.row[size_t(row % height) + 1] - int32_t(first);
      const float* source = mixed.data();
      if (taps == 1 && rows.weight[first] == 1)
        source = image + rows.from[first] * in_row;
      else
        sum(image,
            in_row,
            rows.from.data() + first,
            rows.weight.data() + first,
            taps,
            mixed.data(),
            in_row);
      columns_of(columns, source, in.dim(3), y + row * out_row);
    }
  });
}

void resize_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::resize(primitive, in, out, run);
  const auto& o = static_cast<const Resize&>(primitive).options();
  apply(
      axis_weights(in[0].dim(1), out[0].dim(1), o),
      axis_weights(in[0].dim(2), out[0].dim(2), o),
      in[0],
      out[0]);
}

void resize_grad_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::resize_grad(primitive, in, out, run);
  const auto& o = static_cast<const ResizeGrad&>(primitive).options();
  int64_t height = out[0].dim(1), width = out[0].dim(2);
  apply(
      transposed(axis_weights(height, in[0].dim(1), o), height),
      transposed(axis_weights(width, in[0].dim(2), o), width),
      in[0],
      out[0]);
}

}  // namespace

void register_resize(KernelTable& table) {
  table.add<Resize>(Device::cpu, resize_kernel);
  table.add<ResizeGrad>(Device::cpu, resize_grad_kernel);
}

}  // namespace fovea::cpu
#endif
