#include "fovea/ops/slice.h"

#include <cstring>

#include "fovea/backend/cpu/copy.h"
#include "fovea/backend/cpu/cpu.h"

namespace fovea::cpu {

namespace {

// The first element of the slice of an array of shape `whole`, and its strides, in elements.
int64_t strides_of(
    const std::vector<Steps>& steps,
    const Shape& whole,
    std::array<int64_t, Shape::max_rank>& strides) {
  auto own = whole.strides();
  int64_t start = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    start += steps[i].start * own[i];
    strides[i] = steps[i].step * own[i];
  }
  return start;
}

void slice_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& steps = static_cast<const Slice&>(primitive).steps();
  auto size = int64_t(size_of(in[0].dtype()));
  CopyStrides strides{{}, out[0].shape().strides()};
  int64_t start = strides_of(steps, in[0].shape(), strides.from);
  copy_strided(
      in[0].bytes().data() + start * size,
      out[0].mutable_bytes().data(),
      out[0].shape(),
      strides,
      size_t(size));
}

void slice_grad_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& steps = static_cast<const SliceGrad&>(primitive).steps();
  auto size = int64_t(size_of(in[0].dtype()));
  CopyStrides strides{in[0].shape().strides(), {}};
  int64_t start = strides_of(steps, out[0].shape(), strides.to);
  std::byte* dx = out[0].mutable_bytes().data();
  std::memset(dx, 0, out[0].nbytes());
  copy_strided(in[0].bytes().data(), dx + start * size, in[0].shape(), strides, size_t(size));
}

}  // namespace

void register_slice(KernelTable& table) {
  table.add<Slice>(Device::cpu, slice_kernel);
  table.add<SliceGrad>(Device::cpu, slice_grad_kernel);
}

}  // namespace fovea::cpu
