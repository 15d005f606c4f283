#include "fovea/ops/index.h"

#include <algorithm>
#include <cstring>

#include "fovea/backend/cpu/cpu.h"
#include "fovea/backend/cpu/parallel.h"
#include "fovea/backend/ref/gather.h"

namespace fovea::cpu {

namespace {

constexpr int64_t grain_bytes = 64 * 1024;

// A shape around one axis: (outer, extent, inner).
struct Around {
  int64_t outer = 1, extent, inner = 1;
  Around(const Shape& shape, int axis) : extent(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
};

int64_t grain_of(int64_t bytes) {
  return std::max<int64_t>(1, grain_bytes / std::max<int64_t>(bytes, 1));
}

// Each index copies one run of `inner` elements: bound by memory.
void take_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  Around a(in[0].shape(), static_cast<const Take&>(primitive).axis());
  ref::check_indices(in[1], a.extent);
  auto index = in[1].data<int32_t>();
  auto count = int64_t(index.size()), bytes = a.inner * int64_t(size_of(in[0].dtype()));
  const std::byte* x = in[0].bytes().data();
  std::byte* y = out[0].mutable_bytes().data();
  if (bytes == 0) return;
  parallel_for(a.outer * count, grain_of(bytes), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t row = i / count * a.extent + index[size_t(i % count)];
      std::memcpy(y + i * bytes, x + row * bytes, size_t(bytes));
    }
  });
}

// Threads share the columns (outer x inner), so that no two add to one place and the order of the
// sum is that of the indices.
void take_grad_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  if (in[0].dtype() != Dtype::f32) return ref::take_grad(primitive, in, out, run);
  Around a(out[0].shape(), static_cast<const TakeGrad&>(primitive).axis());
  ref::check_indices(in[1], a.extent);
  auto index = in[1].data<int32_t>();
  auto count = int64_t(index.size());
  const float* src = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  std::memset(y, 0, out[0].nbytes());
  if (count == 0 || a.inner == 0) return;
  parallel_for(a.outer * a.inner, grain_of(count * 4), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin / a.inner; o * a.inner < end; ++o) {
      int64_t first = std::max(begin - o * a.inner, int64_t(0));
      int64_t last = std::min(end - o * a.inner, a.inner);
      for (int64_t k = 0; k < count; ++k) {
        const float* from = src + (o * count + k) * a.inner;
        float* to = y + (o * a.extent + index[size_t(k)]) * a.inner;
        for (int64_t i = first; i < last; ++i) to[i] += from[i];
      }
    }
  });
}

// Whether index and tensor agree on all axes but one, so that both are (outer, n, inner).
bool agree(const Shape& a, const Shape& b, int axis) { return a.with(axis, 0) == b.with(axis, 0); }

void gather_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  int axis = static_cast<const Gather&>(primitive).axis();
  if (in[0].dtype() != Dtype::f32 || !agree(in[0].shape(), in[1].shape(), axis))
    return ref::gather(primitive, in, out, run);
  Around a(in[0].shape(), axis);
  ref::check_indices(in[1], a.extent);
  const int32_t* index = in[1].data<int32_t>().data();
  const float* x = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  int64_t count = in[1].shape()[axis];
  parallel_for(a.outer * count, grain_of(a.inner * 8), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = x + row / count * a.extent * a.inner;
      for (int64_t i = 0; i < a.inner; ++i)
        y[row * a.inner + i] = from[index[row * a.inner + i] * a.inner + i];
    }
  });
}

void gather_grad_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run& run) {
  int axis = static_cast<const GatherGrad&>(primitive).axis();
  if (in[0].dtype() != Dtype::f32 || !agree(out[0].shape(), in[1].shape(), axis))
    return ref::gather_grad(primitive, in, out, run);
  Around a(out[0].shape(), axis);
  ref::check_indices(in[1], a.extent);
  const int32_t* index = in[1].data<int32_t>().data();
  const float* src = in[0].data<float>().data();
  float* y = out[0].mutable_data<float>().data();
  int64_t count = in[1].shape()[axis];
  std::memset(y, 0, out[0].nbytes());
  parallel_for(a.outer, grain_of(count * a.inner * 8), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin * count; row < end * count; ++row) {
      float* to = y + row / count * a.extent * a.inner;
      for (int64_t i = 0; i < a.inner; ++i)
        to[index[row * a.inner + i] * a.inner + i] += src[row * a.inner + i];
    }
  });
}

}  // namespace

void register_index(KernelTable& table) {
  table.add<Gather>(Device::cpu, gather_kernel);
  table.add<GatherGrad>(Device::cpu, gather_grad_kernel);
  table.add<Take>(Device::cpu, take_kernel);
  table.add<TakeGrad>(Device::cpu, take_grad_kernel);
}

}  // namespace fovea::cpu
