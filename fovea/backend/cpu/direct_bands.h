#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "fovea/ops/conv.h"

// How direct.h cuts a convolution.
namespace fovea::cpu {

// Rows `begin` to `end` - 1 of one image of y.
struct DirectBand {
  int64_t image, begin, end;
};

// Images of `height` rows cut into bands of whole rows: one an image, or more where there are fewer
// images than `wanted` bands.
class DirectBands {
 public:
  DirectBands(int64_t images, int64_t height, int64_t wanted)
      : images_(images),
        height_(height),
        count_(std::min(height, (wanted + images - 1) / images)) {}

  int64_t items() const { return images_ * count_; }
  int64_t tallest() const { return (height_ + count_ - 1) / count_; }  // rows of a band at most
  DirectBand at(int64_t item) const {
    const int64_t i = item % count_;
    return {item / count_, height_ * i / count_, height_ * (i + 1) / count_};
  }

 private:
  int64_t images_, height_, count_;
};

// Where windows read in a picture: the rows of x that a band's windows cover, padded.
struct DirectShape {
  const ConvExtents& e;
  int64_t columns, row;          // of a picture: pixels, floats
  std::vector<int64_t> offsets;  // of the numbers that a window reads, from its first

  explicit DirectShape(const ConvExtents& extents);
  int64_t taps() const { return int64_t(offsets.size()); }
  int64_t rows(int64_t of_y) const { return e.down.stride * (of_y - 1) + e.down.extent(); }
  int64_t picture(const DirectBands& bands) const {  // floats
    return (rows(bands.tallest()) * row + 15) / 16 * 16;
  }
  // Floats of the weights, or of their gradient, and of what belongs to the bias after them.
  int64_t weights() const { return (taps() + 1) * ((e.out + 7) / 8 * 8); }

  void fill(const DirectBand& band, const float* x, float* picture) const;
};

}  // namespace fovea::cpu
