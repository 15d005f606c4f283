#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fovea/core/shape.h"

namespace fovea::cpu {

// Strides of both sides of a copy, in elements; they may be negative.
struct CopyStrides {
  std::array<int64_t, Shape::max_rank> from{}, to{};
};

// Copies a box of elements of `size` bytes (1, 2, 4 or 8), memory run by memory run, with one team
// of threads. Bound by memory: every byte is read and written once.
void copy_strided(
    const std::byte* from, std::byte* to, const Shape& shape, CopyStrides strides, size_t size);

}  // namespace fovea::cpu
