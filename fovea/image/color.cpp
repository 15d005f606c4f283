#include "fovea/image/color.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/symmetric_eigen.h"

namespace fovea::image {

namespace {

// from + factor * (to - from), cut to 8 bits towards zero as Pillow's blend does.
inline uint8_t blend(int from, int to, float factor) {
  return uint8_t(std::clamp(float(from) + factor * float(to - from), 0.0f, 255.0f));
}

void check_factor(const char* op, double factor) {
  if (!(factor >= 0 && std::isfinite(factor)))
    throw std::invalid_argument(fmt::format("[{}] expected a factor >= 0, got {}", op, factor));
}

int colour_channels(const Image& image) { return image.channels >= 3 ? 3 : 1; }

// Applies f(value, channel) -> value to the colour channels through a table of 256.
template <class F>
void map_values(Image& image, F f) {
  const int colours = colour_channels(image);
  std::array<std::array<uint8_t, 256>, 3> table;
  for (int c = 0; c < colours; ++c)
    for (int v = 0; v < 256; ++v) table[size_t(c)][size_t(v)] = f(v, c);
  uint8_t* p = image.pixels.data();
  const uint8_t* end = p + image.pixels.size();
  for (; p != end; p += image.channels)
    for (int c = 0; c < colours; ++c) p[c] = table[size_t(c)][p[c]];
}

// Hues are counted in sixths of the circle.
inline float once_around(float h) { return h >= 6 ? h - 6 : h; }

}  // namespace

Image adjust_brightness(Image image, double factor) {
  check_image(image, "adjust_brightness");
  check_factor("adjust_brightness", factor);
  map_values(image, [f = float(factor)](int v, int) { return blend(0, v, f); });
  return image;
}

Image adjust_contrast(Image image, double factor) {
  check_image(image, "adjust_contrast");
  check_factor("adjust_contrast", factor);
  uint64_t sum = 0;
  const uint8_t* p = image.pixels.data();
  const uint8_t* end = p + image.pixels.size();
  for (; p != end; p += image.channels) sum += image.channels >= 3 ? luma(p[0], p[1], p[2]) : p[0];
  const double count = double(image.height) * image.width;
  const int mean = int(double(sum) / count + 0.5);
  map_values(image, [mean, f = float(factor)](int v, int) { return blend(mean, v, f); });
  return image;
}

Image adjust_saturation(Image image, double factor) {
  check_image(image, "adjust_saturation");
  check_factor("adjust_saturation", factor);
  if (image.channels < 3) return image;
  const float f = float(factor);
  uint8_t* p = image.pixels.data();
  const uint8_t* end = p + image.pixels.size();
  for (; p != end; p += image.channels) {
    const int grey = luma(p[0], p[1], p[2]);
    for (int c = 0; c < 3; ++c) p[c] = blend(grey, p[c], f);
  }
  return image;
}

Image adjust_hue(Image image, double shift) {
  check_image(image, "adjust_hue");
  if (!(shift >= -0.5 && shift <= 0.5))
    throw std::invalid_argument(
        fmt::format("[adjust_hue] expected a shift in [-0.5, 0.5], got {}", shift));
  if (image.channels < 3 || shift == 0) return image;
  // In the hexagon of HSV a colour lies `h` sixths around, between its least and largest channel.
  const float turn = float(shift) * 6 + 6;
  uint8_t* p = image.pixels.data();
  const uint8_t* end = p + image.pixels.size();
  for (; p != end; p += image.channels) {
    const float r = p[0], g = p[1], b = p[2];
    const float most = std::max({r, g, b}), least = std::min({r, g, b}), range = most - least;
    if (range == 0) continue;
    float h = most == r ? (g - b) / range : most == g ? 2 + (b - r) / range : 4 + (r - g) / range;
    h = once_around(once_around(h + turn));
    // Channel n is full within one sixth of its own hue (5 red, 3 green, 1 blue) and fades in one.
    constexpr float centre[3] = {5, 3, 1};
    for (int c = 0; c < 3; ++c) {
      float k = once_around(centre[c] + h);
      float fade = std::clamp(std::min(k, 4 - k), 0.0f, 1.0f);
      p[c] = uint8_t(most - range * fade + 0.5f);
    }
  }
  return image;
}

Image shift_colors(Image image, const std::array<double, 3>& offset) {
  check_image(image, "shift_colors");
  map_values(image, [&](int v, int c) {
    return uint8_t(std::clamp(std::floor(v + offset[size_t(c)] + 0.5), 0.0, 255.0));
  });
  return image;
}

void ColorMoments::add(const Image& image) {
  check_image(image, "ColorMoments");
  const bool colour = image.channels >= 3;
  std::array<uint64_t, 3> sum{};
  std::array<uint64_t, 6> product{};  // rr gg bb rg rb gb; 2^64 holds 2^48 pixels
  const uint8_t* p = image.pixels.data();
  const uint8_t* end = p + image.pixels.size();
  for (; p != end; p += image.channels) {
    const uint64_t r = p[0], g = colour ? p[1] : r, b = colour ? p[2] : r;
    sum[0] += r, sum[1] += g, sum[2] += b;
    product[0] += r * r, product[1] += g * g, product[2] += b * b;
    product[3] += r * g, product[4] += r * b, product[5] += g * b;
  }
  count_ += uint64_t(image.height) * uint64_t(image.width);
  constexpr size_t at[3][3] = {{0, 3, 4}, {3, 1, 5}, {4, 5, 2}};
  for (size_t i = 0; i < 3; ++i) {
    sum_[i] += double(sum[i]) / 255;
    for (size_t j = 0; j < 3; ++j) product_[i][j] += double(product[at[i][j]]) / (255.0 * 255.0);
  }
}

ColorPca ColorMoments::pca() const {
  if (count_ == 0)
    throw std::invalid_argument("[ColorMoments] expected at least one image, got none");
  const double n = double(count_);
  ColorPca result;
  for (size_t i = 0; i < 3; ++i) result.mean[i] = sum_[i] / n;
  std::array<double, 9> covariance;
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 3; ++j)
      covariance[3 * i + j] = product_[i][j] / n - result.mean[i] * result.mean[j];
  const Eigen eigen = symmetric_eigen(covariance, 3);
  for (size_t i = 0; i < 3; ++i) {
    result.values[i] = std::max(eigen.values[i], 0.0);
    for (size_t c = 0; c < 3; ++c) result.vectors[i][c] = eigen.vectors[3 * i + c];
  }
  return result;
}

}  // namespace fovea::image
