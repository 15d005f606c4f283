#include "fovea/backend/cpu/direct.h"

#include <algorithm>

#include "fovea/backend/cpu/direct_bands.h"

namespace fovea::cpu {

bool direct_applies(ConvPass pass, const ConvExtents& e) {
  const int64_t window = e.kh * e.kw;
  if (e.groups != 1 || window == 1) return false;
  if (pass == ConvPass::forward) return e.in <= 8 && e.out > 4 && e.out <= 8 && window >= 16;
  return pass == ConvPass::backward_weights && e.in <= 4 && e.out <= 64 && window <= 25;
}

DirectShape::DirectShape(const ConvExtents& extents)
    : e(extents), columns(e.right.stride * (e.wo - 1) + e.right.extent()), row(columns * e.in) {
  for (int64_t p = 0; p < e.kh; ++p)
    for (int64_t q = 0; q < e.kw; ++q)
      for (int64_t i = 0; i < e.in; ++i)
        offsets.push_back(p * e.down.dilation * row + q * e.right.dilation * e.in + i);
}

void DirectShape::fill(const DirectBand& band, const float* x, float* picture) const {
  const int64_t begin = std::min(e.right.before, columns);
  const int64_t end = std::clamp(e.w + e.right.before, begin, columns);
  for (int64_t r = 0; r < rows(band.end - band.begin); ++r, picture += row) {
    const int64_t at = e.down.first(band.begin) + r;
    if (at < 0 || at >= e.h) {
      std::fill_n(picture, row, 0.0f);
      continue;
    }
    const float* from = x + (band.image * e.h + at) * e.w * e.in;
    std::fill_n(picture, begin * e.in, 0.0f);
    std::copy_n(from, (end - begin) * e.in, picture + begin * e.in);
    std::fill(picture + end * e.in, picture + row, 0.0f);
  }
}

}  // namespace fovea::cpu
