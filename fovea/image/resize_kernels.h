#pragma once

// The weighted sums behind resize(); private to the room.

#include <cstdint>
#include <vector>

#include "fovea/image/image.h"

namespace fovea::image {

// Sums of 8-bit pixels times coefficients stay within 32 bits with 2 bits to spare for overshoot.
inline constexpr int precision_bits = 32 - 8 - 2;

// For each output position the first input it reads, how many, and `taps` coefficients with
// precision_bits behind the point, the unused ones 0.
struct Coefficients {
  int taps = 0;
  std::vector<int> first, count;
  std::vector<int32_t> weight;
};

// Rows [row, row + out.height) of `in`, each resized to out.width.
void resize_columns(const Image& in, int row, Image& out, const Coefficients& k);

// Columns of `in`, each resized to out.height.
void resize_rows(const Image& in, Image& out, const Coefficients& k);

}  // namespace fovea::image
