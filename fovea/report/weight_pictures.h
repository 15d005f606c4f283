#pragma once

#include <vector>

#include "fovea/core/tensor.h"
#include "fovea/image/image.h"

namespace fovea::report {

struct WeightPictureOptions {
  int most = 64;
};

// The filters of a convolution, or the templates of a linear classifier over pixels, as pictures:
// evaluated f32 weights (O, C, h, w), the layout of files, give O pictures (h, w), in colour for
// C = 3, else of the first channel in grey. The least value is black, the largest white. Throws
// std::invalid_argument for another rank.
std::vector<image::Image> weight_pictures(
    const Tensor& weights, const WeightPictureOptions& o = {});

}  // namespace fovea::report
