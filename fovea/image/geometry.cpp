#include "fovea/image/geometry.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::image {

namespace {

// The coordinate in [0, n) that `i` stands for under a border that repeats pixels.
int border_index(int64_t i, int n, Border border) {
  if (i >= 0 && i < n) return int(i);
  if (border == Border::edge || n == 1) return i < 0 ? 0 : n - 1;
  const int64_t period = 2 * (int64_t(n) - 1);
  i = ((i % period) + period) % period;
  return int(i < n ? i : period - i);
}

void copy_pixel(const uint8_t* from, uint8_t* to, int channels) {
  for (int c = 0; c < channels; ++c) to[c] = from[c];
}

Image transpose(const Image& image) {
  Image out(image.width, image.height, image.channels);
  const size_t c = size_t(image.channels);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      copy_pixel(image.row(y) + size_t(x) * c, out.row(x) + size_t(y) * c, image.channels);
  return out;
}

// Samples `image` at positions given by source(x, y) -> (x', y') for each output pixel centre.
template <class Map>
Image sample(const Image& image, Border border, uint8_t fill, Map source) {
  Image out(image.height, image.width, image.channels);
  const int h = image.height, w = image.width, channels = image.channels;
  const std::array<uint8_t, 4> outside{fill, fill, fill, fill};
  auto pixel = [&](int64_t y, int64_t x) -> const uint8_t* {
    if (border == Border::constant && (y < 0 || y >= h || x < 0 || x >= w)) return outside.data();
    return image.row(border_index(y, h, border)) +
           size_t(border_index(x, w, border)) * size_t(channels);
  };
  // Far outside nothing changes any more; the limit keeps the conversion to integers defined.
  const double limit = 1e9;
  for (int y = 0; y < h; ++y) {
    uint8_t* q = out.row(y);
    for (int x = 0; x < w; ++x, q += channels) {
      auto [sx, sy] = source(x + 0.5, y + 0.5);
      sx = std::clamp(sx - 0.5, -limit, limit);
      sy = std::clamp(sy - 0.5, -limit, limit);
      const double fx = std::floor(sx), fy = std::floor(sy);
      const int64_t x0 = int64_t(fx), y0 = int64_t(fy);
      const float ax = float(sx - fx), ay = float(sy - fy);
      const uint8_t *p00 = pixel(y0, x0), *p01 = pixel(y0, x0 + 1);
      const uint8_t *p10 = pixel(y0 + 1, x0), *p11 = pixel(y0 + 1, x0 + 1);
      for (int c = 0; c < channels; ++c) {
        float top = p00[c] + ax * float(p01[c] - p00[c]);
        float bottom = p10[c] + ax * float(p11[c] - p10[c]);
        q[c] = uint8_t(top + ay * (bottom - top) + 0.5f);
      }
    }
  }
  return out;
}

}  // namespace

Image crop(const Image& image, const Rect& r) {
  check_image(image, "crop");
  bool inside = r.top >= 0 && r.left >= 0 && r.height >= 1 && r.width >= 1 &&
                r.height <= image.height - r.top && r.width <= image.width - r.left;
  if (!inside) {
    throw std::invalid_argument(fmt::format(
        "[crop] expected a part of the image of ({}, {}), got top {}, left {}, height {}, width {}",
        image.height,
        image.width,
        r.top,
        r.left,
        r.height,
        r.width));
  }
  Image out(r.height, r.width, image.channels);
  for (int y = 0; y < r.height; ++y) {
    const uint8_t* from = image.row(r.top + y) + size_t(r.left) * size_t(image.channels);
    std::memcpy(out.row(y), from, out.row_bytes());
  }
  return out;
}

Image pad(const Image& image, const Padding& by, Border border, uint8_t fill) {
  check_image(image, "pad");
  if (std::min({by.top, by.bottom, by.left, by.right}) < 0) {
    throw std::invalid_argument(fmt::format(
        "[pad] expected amounts >= 0, got top {}, bottom {}, left {}, right {}",
        by.top,
        by.bottom,
        by.left,
        by.right));
  }
  Image out(
      image.height + by.top + by.bottom, image.width + by.left + by.right, image.channels, fill);
  const size_t c = size_t(image.channels);
  for (int y = 0; y < out.height; ++y) {
    const int sy = y - by.top;
    if (border == Border::constant && (sy < 0 || sy >= image.height)) continue;
    const uint8_t* from = image.row(border_index(sy, image.height, border));
    uint8_t* to = out.row(y);
    std::memcpy(to + size_t(by.left) * c, from, image.row_bytes());
    if (border == Border::constant) continue;
    for (int x = 0; x < out.width; ++x) {
      if (x == by.left) x += image.width;
      if (x >= out.width) break;
      int sx = border_index(x - by.left, image.width, border);
      copy_pixel(from + size_t(sx) * c, to + size_t(x) * c, image.channels);
    }
  }
  return out;
}

Image center_crop(const Image& image, int height, int width) {
  check_image(image, "center_crop");
  if (height < 1 || width < 1)
    throw std::invalid_argument(
        fmt::format("[center_crop] expected sides >= 1, got ({}, {})", height, width));
  if (height > image.height || width > image.width) {
    int dy = std::max(height - image.height, 0), dx = std::max(width - image.width, 0);
    Padding by{.top = dy / 2, .bottom = (dy + 1) / 2, .left = dx / 2, .right = (dx + 1) / 2};
    return center_crop(pad(image, by), height, width);
  }
  // Half a pixel goes to the even side, as Python rounds.
  auto start = [](int whole, int part) { return int(std::nearbyint((whole - part) / 2.0)); };
  return crop(
      image,
      {.top = start(image.height, height),
       .left = start(image.width, width),
       .height = height,
       .width = width});
}

Image flip_horizontal(Image image) {
  check_image(image, "flip_horizontal");
  const int c = image.channels;
  for (int y = 0; y < image.height; ++y) {
    uint8_t *a = image.row(y), *b = a + image.row_bytes() - c;
    for (; a < b; a += c, b -= c) std::swap_ranges(a, a + c, b);
  }
  return image;
}

Image flip_vertical(Image image) {
  check_image(image, "flip_vertical");
  for (int y = 0; y < image.height / 2; ++y) {
    uint8_t* a = image.row(y);
    std::swap_ranges(a, a + image.row_bytes(), image.row(image.height - 1 - y));
  }
  return image;
}

Image rotate90(const Image& image, int turns) {
  check_image(image, "rotate90");
  switch (((turns % 4) + 4) % 4) {
    case 1:
      return flip_horizontal(transpose(image));
    case 2:
      return flip_horizontal(flip_vertical(image));
    case 3:
      return flip_vertical(transpose(image));
    default:
      return image;
  }
}

Image orient(Image image, int orientation) {
  switch (orientation) {
    case 1:
      return image;
    case 2:
      return flip_horizontal(std::move(image));
    case 3:
      return rotate90(image, 2);
    case 4:
      return flip_vertical(std::move(image));
    case 5:
      return transpose(image);
    case 6:
      return rotate90(image, 1);
    case 7:
      return rotate90(transpose(image), 2);
    case 8:
      return rotate90(image, 3);
    default:
      throw std::invalid_argument(
          fmt::format("[orient] expected an EXIF orientation 1 to 8, got {}", orientation));
  }
}

Affine make_affine(int height, int width, const AffineOptions& o) {
  constexpr double degree = std::numbers::pi / 180;
  const double co = std::cos(o.rotate * degree), si = std::sin(o.rotate * degree);
  const double hx = std::tan(o.shear_x * degree), hy = std::tan(o.shear_y * degree);
  // Forward matrix R * H * S about the centre; rows grow downwards, so R turns clockwise.
  const double a = (co - si * hy) * o.stretch_x, b = (co * hx - si) * o.stretch_y;
  const double c = (si + co * hy) * o.stretch_x, d = (si * hx + co) * o.stretch_y;
  const double det = a * d - b * c;
  if (!std::isfinite(det) || std::abs(det) < 1e-9) {
    throw std::invalid_argument(fmt::format(
        "[make_affine] expected a map that can be undone, got stretch ({}, {}) and shear ({}, {}) "
        "degrees",
        o.stretch_x,
        o.stretch_y,
        o.shear_x,
        o.shear_y));
  }
  const double cx = width / 2.0, cy = height / 2.0;
  const double tx = cx + o.translate_x, ty = cy + o.translate_y;
  Affine map;
  map.m = {d / det, -b / det, 0, -c / det, a / det, 0};
  map.m[2] = cx - map.m[0] * tx - map.m[1] * ty;
  map.m[5] = cy - map.m[3] * tx - map.m[4] * ty;
  return map;
}

Image warp(const Image& image, const Affine& map, Border border, uint8_t fill) {
  check_image(image, "warp");
  const auto& m = map.m;
  return sample(image, border, fill, [&m](double x, double y) {
    return std::array{m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]};
  });
}

Image lens_distortion(const Image& image, double k1, double k2, Border border, uint8_t fill) {
  check_image(image, "lens_distortion");
  const double cx = image.width / 2.0, cy = image.height / 2.0;
  const double unit = 1 / (cx * cx + cy * cy);
  return sample(image, border, fill, [=](double x, double y) {
    const double dx = x - cx, dy = y - cy, r2 = (dx * dx + dy * dy) * unit;
    const double f = 1 + r2 * (k1 + r2 * k2);
    return std::array{cx + dx * f, cy + dy * f};
  });
}

}  // namespace fovea::image
