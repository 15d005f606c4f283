#pragma once

#include <array>

#include "fovea/core/shape.h"

// Index arithmetic for the reference kernels.
namespace fovea::ref {

using Index = std::array<int64_t, Shape::max_rank>;

// Calls f(position, index) for every index of `shape` in row-major order.
template <class F>
void for_each(const Shape& shape, F&& f) {
  Index index{};
  int64_t n = shape.numel();
  for (int64_t position = 0; position < n; ++position) {
    f(position, index);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      if (++index[size_t(axis)] < shape[axis]) break;
      index[size_t(axis)] = 0;
    }
  }
}

// Strides with which `small` is read along the axes of `big`, 0 where it is stretched.
inline Index broadcast_strides(const Shape& small, const Shape& big) {
  Index strides{};
  auto own = small.strides();
  int shift = big.rank() - small.rank();
  for (int i = 0; i < small.rank(); ++i)
    strides[size_t(i + shift)] = small[i] == 1 ? 0 : own[size_t(i)];
  return strides;
}

inline int64_t offset_of(const Index& index, const Index& strides, int rank) {
  int64_t offset = 0;
  for (int i = 0; i < rank; ++i) offset += index[size_t(i)] * strides[size_t(i)];
  return offset;
}

}  // namespace fovea::ref
