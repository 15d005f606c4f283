#include "fovea/ops/shape.h"

#include <cstring>

#include "fovea/backend/ref/index.h"
#include "fovea/backend/ref/ref.h"
#include "fovea/backend/ref/shape.h"

namespace fovea::ref {

namespace {

// Fills out[0] in row-major order from x, reading with the given strides.
void gather_strided(const Tensor& x, const Index& strides, Tensor& y) {
  size_t size = size_of(x.dtype());
  const std::byte* from = x.bytes().data();
  std::byte* to = y.mutable_bytes().data();
  for_each(y.shape(), [&](int64_t i, const Index& index) {
    auto source = size_t(offset_of(index, strides, y.rank()));
    std::memcpy(to + size_t(i) * size, from + source * size, size);
  });
}

}  // namespace

void broadcast_to(const Primitive&, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  gather_strided(in[0], broadcast_strides(in[0].shape(), out[0].shape()), out[0]);
}

void transpose(
    const Primitive& primitive, std::span<const Tensor> in, std::span<Tensor> out, Run&) {
  const auto& order = static_cast<const Transpose&>(primitive).order();
  auto own = in[0].shape().strides();
  Index strides{};
  for (size_t i = 0; i < order.size(); ++i) strides[i] = own[size_t(order[i])];
  gather_strided(in[0], strides, out[0]);
}

void register_shape(KernelTable& table) {
  table.add<Broadcast>(Device::ref, broadcast_to);
  table.add<Transpose>(Device::ref, transpose);
}

}  // namespace fovea::ref
