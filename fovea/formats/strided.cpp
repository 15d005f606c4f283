#include "fovea/formats/strided.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "fovea/core/errors.h"

static_assert(std::endian::native == std::endian::little, "tensors are little-endian");

namespace fovea::formats {

namespace {

// The bytes of one element as those of its dtype.
void read_element(const std::byte* from, const Element& e, size_t width, std::byte* out) {
  std::array<std::byte, 8> wide;
  std::memcpy(wide.data(), from, e.size);
  if (e.big_endian) std::reverse(wide.begin(), wide.begin() + std::ptrdiff_t(e.size));
  if (e.size < width) {
    const bool negative = e.is_signed && (wide[e.size - 1] & std::byte(0x80)) != std::byte(0);
    std::fill(
        wide.begin() + std::ptrdiff_t(e.size),
        wide.end(),
        negative ? std::byte(0xff) : std::byte(0));
  }
  std::memcpy(out, wide.data(), width);
}

}  // namespace

std::vector<uint64_t> dense_strides(const std::vector<uint64_t>& sizes, bool fortran) {
  std::vector<uint64_t> strides(sizes.size());
  uint64_t step = 1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const size_t axis = fortran ? i : sizes.size() - 1 - i;
    strides[axis] = step;
    step *= sizes[axis];
  }
  return strides;
}

Tensor read_strided(
    std::span<const std::byte> bytes,
    const Element& element,
    const std::vector<uint64_t>& sizes,
    const std::vector<uint64_t>& strides,
    uint64_t first) {
  Shape shape;
  for (uint64_t s : sizes) shape.push_back(int64_t(s));
  Tensor t = Tensor::empty(shape, element.dtype);
  std::byte* out = t.mutable_bytes().data();
  const size_t width = size_of(element.dtype);
  FOVEA_ASSERT(element.size <= width);
  if (t.numel() == 0) return t;
  if (element.size == width && !element.big_endian && strides == dense_strides(sizes)) {
    std::memcpy(out, bytes.data() + first * width, size_t(t.numel()) * width);
    return t;
  }
  std::vector<uint64_t> index(sizes.size(), 0);
  uint64_t at = first;
  for (int64_t i = 0; i < t.numel(); ++i, out += width) {
    read_element(bytes.data() + at * element.size, element, width, out);
    for (size_t axis = sizes.size(); axis > 0; --axis) {
      at += strides[axis - 1];
      if (++index[axis - 1] < sizes[axis - 1]) break;
      at -= strides[axis - 1] * sizes[axis - 1];
      index[axis - 1] = 0;
    }
  }
  return t;
}

}  // namespace fovea::formats
