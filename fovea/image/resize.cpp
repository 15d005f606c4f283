#include "fovea/image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "fovea/image/resize_kernels.h"

namespace fovea::image {

namespace {

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double kernel_support(Filter filter) {
  switch (filter) {
    case Filter::box:
      return 0.5;
    case Filter::bilinear:
      return 1;
    case Filter::bicubic:
      return 2;
    default:
      return 3;
  }
}

double kernel(Filter filter, double x) {
  if (filter == Filter::box) return x > -0.5 && x <= 0.5 ? 1 : 0;
  if (filter == Filter::lanczos) return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  x = std::abs(x);
  if (filter == Filter::bilinear) return x < 1 ? 1 - x : 0;
  // Keys, "Cubic convolution interpolation for digital image processing", 1981.
  constexpr double a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

Coefficients make_coefficients(int in, float low, float high, int out, Filter filter) {
  const double scale = double(high - low) / out;
  const double filter_scale = std::max(scale, 1.0);
  const double support = kernel_support(filter) * filter_scale;
  Coefficients result;
  result.taps = int(std::ceil(support)) * 2 + 1;
  result.first.resize(size_t(out));
  result.count.resize(size_t(out));
  result.weight.assign(size_t(out) * size_t(result.taps), 0);
  std::vector<double> w(size_t(result.taps));
  for (int i = 0; i < out; ++i) {
    const double centre = low + (i + 0.5) * scale;
    const int first = std::max(int(centre - support + 0.5), 0);
    const int count = std::min(int(centre + support + 0.5), in) - first;
    double sum = 0;
    for (int k = 0; k < count; ++k) {
      w[size_t(k)] = kernel(filter, (k + first - centre + 0.5) * (1.0 / filter_scale));
      sum += w[size_t(k)];
    }
    int32_t* row = &result.weight[size_t(i) * size_t(result.taps)];
    for (int k = 0; k < count; ++k) {
      double v = (sum != 0 ? w[size_t(k)] / sum : w[size_t(k)]) * (1 << precision_bits);
      row[k] = int32_t(v < 0 ? v - 0.5 : v + 0.5);
    }
    result.first[size_t(i)] = first;
    result.count[size_t(i)] = count;
  }
  return result;
}

Image resize_smooth(const Image& image, int height, int width, const Box& box, Filter filter) {
  const bool columns = width != image.width || box.left != 0 || box.right != float(width);
  const bool rows = height != image.height || box.top != 0 || box.bottom != float(height);
  Coefficients vertical = make_coefficients(image.height, box.top, box.bottom, height, filter);

  Image narrow;
  if (columns) {
    // Only the rows the second pass will read.
    int first = vertical.first.front(), last = vertical.first.back() + vertical.count.back();
    narrow = Image(last - first, width, image.channels);
    resize_columns(
        image, first, narrow, make_coefficients(image.width, box.left, box.right, width, filter));
    for (int& f : vertical.first) f -= first;
  }
  const Image& source = columns ? narrow : image;
  // Without a second pass the rows are those of the output already.
  if (!rows) return narrow;
  Image out(height, width, image.channels);
  resize_rows(source, out, vertical);
  return out;
}

Image resize_nearest(const Image& image, int height, int width, const Box& box) {
  auto index = [](float low, float high, int out, int in) {
    // Summed step by step as Pillow does, so that ties fall on the same side.
    std::vector<size_t> at(static_cast<size_t>(out));
    const double step = double(high - low) / out;
    double position = low + step * 0.5;
    for (size_t& i : at) {
      i = size_t(std::clamp(int(position), 0, in - 1));
      position += step;
    }
    return at;
  };
  const auto xs = index(box.left, box.right, width, image.width);
  const auto ys = index(box.top, box.bottom, height, image.height);
  const size_t c = size_t(image.channels);
  Image out(height, width, image.channels);
  for (int y = 0; y < height; ++y) {
    const uint8_t* p = image.row(int(ys[size_t(y)]));
    uint8_t* q = out.row(y);
    for (size_t x : xs) {
      std::memcpy(q, p + x * c, c);
      q += c;
    }
  }
  return out;
}

// Colours times alpha, so that what is transparent does not bleed.
void premultiply(Image& image) {
  const int c = image.channels;
  for (size_t i = 0; i < image.pixels.size(); i += size_t(c)) {
    unsigned alpha = image.pixels[i + size_t(c) - 1];
    for (int k = 0; k < c - 1; ++k) {
      unsigned t = image.pixels[i + size_t(k)] * alpha + 128;
      image.pixels[i + size_t(k)] = uint8_t(((t >> 8) + t) >> 8);
    }
  }
}

void unpremultiply(Image& image) {
  const int c = image.channels;
  for (size_t i = 0; i < image.pixels.size(); i += size_t(c)) {
    unsigned alpha = image.pixels[i + size_t(c) - 1];
    if (alpha == 0 || alpha == 255) continue;
    for (int k = 0; k < c - 1; ++k) {
      uint8_t& v = image.pixels[i + size_t(k)];
      v = uint8_t(std::min(255u * v / alpha, 255u));
    }
  }
}

}  // namespace

Image resize(const Image& image, int height, int width, Filter filter) {
  return resize(image, height, width, {0, 0, float(image.width), float(image.height)}, filter);
}

Image resize(const Image& image, int height, int width, const Box& box, Filter filter) {
  check_image(image, "resize");
  if (height < 1 || width < 1)
    throw std::invalid_argument(
        fmt::format("[resize] expected sides >= 1, got ({}, {})", height, width));
  bool inside = box.left >= 0 && box.top >= 0 && box.left < box.right && box.top < box.bottom &&
                box.right <= float(image.width) && box.bottom <= float(image.height);
  if (!inside) {
    throw std::invalid_argument(fmt::format(
        "[resize] expected a box with area inside the image of ({}, {}), got left {}, top {}, "
        "right {}, bottom {}",
        image.height,
        image.width,
        box.left,
        box.top,
        box.right,
        box.bottom));
  }
  bool whole = box.left == 0 && box.top == 0 && box.right == float(width) &&
               box.bottom == float(height) && height == image.height && width == image.width;
  if (whole) return image;
  if (filter == Filter::nearest) return resize_nearest(image, height, width, box);
  if (image.channels % 2 == 1) return resize_smooth(image, height, width, box, filter);
  Image work = image;
  premultiply(work);
  work = resize_smooth(work, height, width, box, filter);
  unpremultiply(work);
  return work;
}

Image resize_short_side(const Image& image, int size, Filter filter) {
  check_image(image, "resize_short_side");
  const int64_t shorter = std::min(image.height, image.width);
  auto scaled = [&](int64_t side) { return side == shorter ? size : int(side * size / shorter); };
  return resize(image, scaled(image.height), scaled(image.width), filter);
}

}  // namespace fovea::image
