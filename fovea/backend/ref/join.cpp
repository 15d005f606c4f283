#include "fovea/ops/join.h"

#include <cstring>

#include "fovea/backend/ref/index.h"
#include "fovea/backend/ref/ref.h"

namespace fovea::ref {

namespace {

void concat_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  auto axis = size_t(static_cast<const Concat&>(primitive).axis());
  size_t size = size_of(out[0].dtype());
  auto strides = out[0].shape().strides();
  std::byte* y = out[0].mutable_bytes().data();
  int64_t start = 0;
  for (const Tensor& part : in) {
    const std::byte* x = part.bytes().data();
    for_each(part.shape(), [&](int64_t i, const Index& index) {
      auto to = size_t(start * strides[axis] + offset_of(index, strides, part.rank()));
      std::memcpy(y + to * size, x + size_t(i) * size, size);
    });
    start += part.shape()[int(axis)];
  }
}

}  // namespace

void register_join(KernelTable& table) { table.add<Concat>(Device::ref, concat_kernel); }

}  // namespace fovea::ref
