#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fovea/core/tensor.h"

namespace fovea::formats {

// How a number lies in a file of another program, and the dtype that holds it here: the same, or a
// wider one of integers.
struct Element {
  size_t size;  // bytes in the file
  Dtype dtype;
  bool is_signed = true;
  bool big_endian = false;
};

// An array of those sizes whose element at index i is number first + sum(i * strides) of `bytes`.
// The caller has checked that all of them lie there.
Tensor read_strided(
    std::span<const std::byte> bytes,
    const Element& element,
    const std::vector<uint64_t>& sizes,
    const std::vector<uint64_t>& strides,
    uint64_t first = 0);

// The strides of an array whose last axis lies densely, or (Fortran's order) whose first does.
std::vector<uint64_t> dense_strides(const std::vector<uint64_t>& sizes, bool fortran = false);

}  // namespace fovea::formats
