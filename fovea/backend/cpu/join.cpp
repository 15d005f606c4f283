#include "fovea/ops/join.h"

#include "fovea/backend/cpu/copy.h"
#include "fovea/backend/cpu/cpu.h"

namespace fovea::cpu {

namespace {

void concat_kernel(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  int axis = static_cast<const Concat&>(primitive).axis();
  size_t size = size_of(out[0].dtype());
  auto strides = out[0].shape().strides();
  std::byte* y = out[0].mutable_bytes().data();
  for (const Tensor& part : in) {
    copy_strided(part.bytes().data(), y, part.shape(), {part.shape().strides(), strides}, size);
    y += size_t(part.shape()[axis] * strides[size_t(axis)]) * size;
  }
}

}  // namespace

void register_join(KernelTable& table) { table.add<Concat>(Device::cpu, concat_kernel); }

}  // namespace fovea::cpu
