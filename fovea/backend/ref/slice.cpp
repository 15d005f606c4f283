#include "fovea/ops/slice.h"

#include <cstring>

#include "fovea/backend/ref/index.h"
#include "fovea/backend/ref/ref.h"

namespace fovea::ref {

namespace {

// Where in an array of shape `whole` the element at `index` of its slice lies.
int64_t position(const std::vector<Steps>& steps, const Shape& whole, const Index& index) {
  auto strides = whole.strides();
  int64_t at = 0;
  for (size_t i = 0; i < steps.size(); ++i)
    at += (steps[i].start + index[i] * steps[i].step) * strides[i];
  return at;
}

void slice_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& steps = static_cast<const Slice&>(primitive).steps();
  size_t size = size_of(in[0].dtype());
  const std::byte* x = in[0].bytes().data();
  std::byte* y = out[0].mutable_bytes().data();
  for_each(out[0].shape(), [&](int64_t i, const Index& index) {
    auto from = size_t(position(steps, in[0].shape(), index));
    std::memcpy(y + size_t(i) * size, x + from * size, size);
  });
}

void slice_grad_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& steps = static_cast<const SliceGrad&>(primitive).steps();
  size_t size = size_of(in[0].dtype());
  const std::byte* dy = in[0].bytes().data();
  std::byte* dx = out[0].mutable_bytes().data();
  std::memset(dx, 0, out[0].nbytes());
  for_each(in[0].shape(), [&](int64_t i, const Index& index) {
    auto to = size_t(position(steps, out[0].shape(), index));
    std::memcpy(dx + to * size, dy + size_t(i) * size, size);
  });
}

}  // namespace

void register_slice(KernelTable& table) {
  table.add<Slice>(Device::ref, slice_kernel);
  table.add<SliceGrad>(Device::ref, slice_grad_kernel);
}

}  // namespace fovea::ref
