#include "fovea/ops/shape.h"

#include <array>
#include <vector>

#include "fovea/backend/cpu/broadcast.h"
#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/ref/shape.h"

namespace fovea::cpu {

namespace {

void broadcast_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::broadcast_to(primitive, in, out, run);
  const float* x = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  Broadcast2 plan(in[0].shape(), in[0].shape(), out[0].shape());
  int64_t n = plan.inner();
  parallel_for(
      plan.outer(),
      std::max<int64_t>(1, 16 * 1024 / std::max<int64_t>(n, 1)),
      [&](int64_t begin, int64_t end) {
        plan.for_rows(begin, end, [&](int64_t row, int64_t from, int64_t) {
          if (plan.a_step())
            std::copy_n(x + from, n, y + row * n);
          else
            std::fill_n(y + row * n, n, x[from]);
        });
      });
}

// Axes that stay neighbours in the same order are moved as one.
struct Moved {
  std::vector<int64_t> dims, strides;  // of the output, and where its elements lie in the input
};

Moved merged(const Shape& from, const std::vector<int>& order) {
  auto own = from.strides();
  Moved m;
  for (size_t i = 0; i < order.size(); ++i) {
    int64_t extent = from[order[i]], stride = own[size_t(order[i])];
    if (extent == 1) continue;
    if (!m.dims.empty() && m.strides.back() == stride * extent) {
      m.dims.back() *= extent;
      m.strides.back() = stride;
    } else {
      m.dims.push_back(extent);
      m.strides.push_back(stride);
    }
  }
  if (m.dims.empty()) m = {{1}, {1}};
  return m;
}

// y[i][j] = x[j][i] in tiles, so that reads and writes both stay within a few cache lines.
void transpose_tile(
    const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns) {
  constexpr int64_t tile = 16;
  for (int64_t i0 = 0; i0 < rows; i0 += tile)
    for (int64_t j0 = 0; j0 < columns; j0 += tile)
      for (int64_t i = i0; i < std::min(rows, i0 + tile); ++i)
        for (int64_t j = j0; j < std::min(columns, j0 + tile); ++j)
          y[i * y_stride + j] = x[j * x_stride + i];
}

void transpose_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::transpose(primitive, in, out, run);
  const float* x = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  Moved m = merged(in[0].shape(), static_cast<const Transpose&>(primitive).order());
  auto rank = m.dims.size();

  // The last two output axes form a tile when the last but one runs along the input's memory.
  bool tiled = rank >= 2 && m.strides[rank - 2] == 1;
  size_t outer_rank = rank - (tiled ? 2 : 1);
  int64_t outer = 1, inner = m.dims[rank - 1] * (tiled ? m.dims[rank - 2] : 1);
  for (size_t i = 0; i < outer_rank; ++i) outer *= m.dims[i];
  int64_t grain = std::max<int64_t>(1, 16 * 1024 / std::max<int64_t>(inner, 1));
  parallel_for(outer, grain, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      int64_t from = 0, rest = o;
      for (size_t i = outer_rank; i-- > 0;) {
        from += rest % m.dims[i] * m.strides[i];
        rest /= m.dims[i];
      }
      float* to = y + o * inner;
      int64_t n = m.dims[rank - 1], stride = m.strides[rank - 1];
      if (tiled)
        transpose_tile(x + from, stride, to, n, m.dims[rank - 2], n);
      else if (stride == 1)
        std::copy_n(x + from, n, to);
      else
        for (int64_t i = 0; i < n; ++i) to[i] = x[from + i * stride];
    }
  });
}

}  // namespace

void register_shape(KernelTable& table) {
  table.add<Broadcast>(Device::cpu, broadcast_kernel);
  table.add<Transpose>(Device::cpu, transpose_kernel);
}

}  // namespace fovea::cpu
