#pragma once

#include <array>
#include <cstdint>

#include "fovea/image/image.h"

namespace fovea::image {

// Colour changes with the meaning they have in torchvision; alpha is left alone. A factor of 1
// changes nothing; brightness 0 is black, contrast 0 the mean grey, saturation 0 the grey picture.
// Results equal Pillow's ImageEnhance. They throw when the factor is negative or not finite.
Image adjust_brightness(Image image, double factor);
Image adjust_contrast(Image image, double factor);
Image adjust_saturation(Image image, double factor);

// Turns the hue by `shift` of a full circle, in [-0.5, 0.5]: 1/3 makes red green. Grey stays.
Image adjust_hue(Image image, double shift);

// Adds one offset (in levels of 255) to each of the first three channels of every pixel.
Image shift_colors(Image image, const std::array<double, 3>& offset);

// Principal axes of RGB values in [0, 1]: vectors[i] belongs to values[i], largest first.
struct ColorPca {
  std::array<double, 3> mean{}, values{};
  std::array<std::array<double, 3>, 3> vectors{};
};

// Gathers what color PCA needs from the training images, one after another.
class ColorMoments {
 public:
  void add(const Image& image);  // grey counts as RGB
  uint64_t pixels() const { return count_; }
  ColorPca pca() const;  // throws before the first pixel

 private:
  uint64_t count_ = 0;
  std::array<double, 3> sum_{};
  std::array<std::array<double, 3>, 3> product_{};
};

}  // namespace fovea::image
