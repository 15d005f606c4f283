#include "fovea/report/weight_pictures.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::report {

std::vector<image::Image> weight_pictures(const Tensor& weights, const WeightPictureOptions& o) {
  if (weights.rank() != 4 || weights.numel() == 0)
    throw std::invalid_argument(
        fmt::format("[weight_pictures] expected weights (O, C, h, w), got {}", weights.str()));
  const int64_t channels = weights.dim(1), h = weights.dim(2), w = weights.dim(3);
  const auto data = weights.data<float>();
  const auto size = size_t(channels * h * w);
  const auto shown = size_t(std::min<int64_t>(weights.dim(0), o.most));
  std::vector<image::Image> pictures;
  for (size_t k = 0; k < shown; ++k) {
    const auto filter = data.subspan(k * size, size);
    const auto [low, high] = std::minmax_element(filter.begin(), filter.end());
    const float range = std::max(*high - *low, 1e-12f);
    image::Image picture(int(h), int(w), channels == 3 ? 3 : 1);
    for (int c = 0; c < picture.channels; ++c)
      for (int64_t y = 0; y < h; ++y)
        for (int64_t x = 0; x < w; ++x)
          picture.at(int(y), int(x), c) =
              uint8_t(std::lround(255 * (filter[size_t((c * h + y) * w + x)] - *low) / range));
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

}  // namespace fovea::report
