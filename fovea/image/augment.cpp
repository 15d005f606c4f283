#include "fovea/image/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::image {

namespace {

int draw(Rng& rng, int low, int high) { return low + int(rng.below(uint64_t(high - low) + 1)); }

double draw_log(Rng& rng, double low, double high) {
  return std::exp(rng.uniform(std::log(low), std::log(high)));
}

Image random_window(const Image& image, int size, Rng& rng) {
  int top = draw(rng, 0, image.height - size), left = draw(rng, 0, image.width - size);
  return crop(image, {.top = top, .left = left, .height = size, .width = size});
}

void check_range(const char* step, const char* what, double low, double high) {
  if (low > high)
    throw std::invalid_argument(fmt::format(
        "[augment] {}: expected {}_min <= {}_max, got {} and {}", step, what, what, low, high));
}

}  // namespace

Image Resize::apply(const Image& image, Rng&) const {
  return resize(image, height, width, Filter(filter));
}

Image ResizeShort::apply(const Image& image, Rng&) const {
  return resize_short_side(image, size, Filter(filter));
}

Image CenterCrop::apply(const Image& image, Rng&) const { return center_crop(image, size, size); }

Image HorizontalFlip::apply(Image image, Rng& rng) const {
  return rng.bernoulli(p) ? flip_horizontal(std::move(image)) : image;
}

Image VerticalFlip::apply(Image image, Rng& rng) const {
  return rng.bernoulli(p) ? flip_vertical(std::move(image)) : image;
}

Image RandomCrop::apply(Image image, Rng& rng) const {
  const int dy = std::max(size - image.height - 2 * padding, 0);
  const int dx = std::max(size - image.width - 2 * padding, 0);
  Padding by{
      .top = padding + dy / 2,
      .bottom = padding + (dy + 1) / 2,
      .left = padding + dx / 2,
      .right = padding + (dx + 1) / 2};
  if (std::max({by.top, by.bottom, by.left, by.right}) > 0)
    image = pad(image, by, Border(border), uint8_t(fill));
  return random_window(image, size, rng);
}

void RandomResizedCrop::check() const {
  check_range("random_resized_crop", "area", area_min, area_max);
  check_range("random_resized_crop", "ratio", ratio_min, ratio_max);
}

Image RandomResizedCrop::apply(const Image& image, Rng& rng) const {
  check_image(image, "random_resized_crop");
  const double area = double(image.height) * image.width;
  Rect part;
  for (int attempt = 0; attempt < 10 && part.height == 0; ++attempt) {
    const double target = area * rng.uniform(area_min, area_max);
    const double ratio = draw_log(rng, ratio_min, ratio_max);
    const int w = int(std::lround(std::sqrt(target * ratio)));
    const int h = int(std::lround(std::sqrt(target / ratio)));
    if (w < 1 || h < 1 || w > image.width || h > image.height) continue;
    part = {draw(rng, 0, image.height - h), draw(rng, 0, image.width - w), h, w};
  }
  if (part.height == 0) {
    // The largest middle part with an aspect ratio in range.
    const double ratio = double(image.width) / image.height;
    int w = image.width, h = image.height;
    if (ratio < ratio_min) h = std::max(1, int(std::lround(w / ratio_min)));
    if (ratio > ratio_max) w = std::max(1, int(std::lround(h * ratio_max)));
    part = {(image.height - h) / 2, (image.width - w) / 2, h, w};
  }
  Box box{
      float(part.left),
      float(part.top),
      float(part.left + part.width),
      float(part.top + part.height)};
  return resize(image, size, size, box, Filter(filter));
}

void RandomScaleCrop::check() const {
  check_range("random_scale_crop", "short", short_min, short_max);
  if (short_min < size)
    throw std::invalid_argument(fmt::format(
        "[augment] random_scale_crop: expected short_min >= size, got {} and {}", short_min, size));
}

Image RandomScaleCrop::apply(const Image& image, Rng& rng) const {
  return random_window(
      resize_short_side(image, draw(rng, short_min, short_max), Filter(filter)), size, rng);
}

Image ColorJitter::apply(Image image, Rng& rng) const {
  std::array<int, 4> order{0, 1, 2, 3};
  for (size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[rng.below(i + 1)]);
  auto factor = [&rng](double v) { return rng.uniform(std::max(0.0, 1 - v), 1 + v); };
  const double b = factor(brightness), c = factor(contrast), s = factor(saturation);
  const double h = rng.uniform(-hue, hue);
  for (int which : order) {
    if (which == 0 && brightness > 0) image = adjust_brightness(std::move(image), b);
    if (which == 1 && contrast > 0) image = adjust_contrast(std::move(image), c);
    if (which == 2 && saturation > 0) image = adjust_saturation(std::move(image), s);
    if (which == 3 && hue > 0) image = adjust_hue(std::move(image), h);
  }
  return image;
}

Image Lighting::apply(Image image, Rng& rng) const {
  std::array<double, 3> offset{};
  for (size_t i = 0; i < 3; ++i) {
    const double amount = 255 * pca.values[i] * std * rng.normal();
    for (size_t c = 0; c < 3; ++c) offset[c] += amount * pca.vectors[i][c];
  }
  return shift_colors(std::move(image), offset);
}

Image RandomAffine::apply(Image image, Rng& rng) const {
  check_image(image, "random_affine");
  AffineOptions o;
  o.rotate = rng.uniform(-rotate, rotate);
  o.translate_x = rng.uniform(-translate, translate) * image.width;
  o.translate_y = rng.uniform(-translate, translate) * image.height;
  const double size = draw_log(rng, 1 / (1 + scale), 1 + scale);
  const double ratio = std::sqrt(draw_log(rng, 1 / (1 + stretch), 1 + stretch));
  o.stretch_x = size * ratio;
  o.stretch_y = size / ratio;
  o.shear_x = rng.uniform(-shear, shear);
  Affine map = make_affine(image.height, image.width, o);
  return warp(image, map, Border(border), uint8_t(fill));
}

Image RandomLens::apply(Image image, Rng& rng) const {
  const double k1 = rng.uniform(-strength, strength);
  return lens_distortion(image, k1, 0, Border(border), uint8_t(fill));
}

void RandomErasing::check() const {
  check_range("random_erasing", "area", area_min, area_max);
  check_range("random_erasing", "ratio", ratio_min, ratio_max);
}

Image RandomErasing::apply(Image image, Rng& rng) const {
  check_image(image, "random_erasing");
  if (!rng.bernoulli(p)) return image;
  const double area = double(image.height) * image.width;
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * rng.uniform(area_min, area_max);
    const double ratio = draw_log(rng, ratio_min, ratio_max);
    const int h = int(std::lround(std::sqrt(target * ratio)));
    const int w = int(std::lround(std::sqrt(target / ratio)));
    if (h < 1 || w < 1 || h >= image.height || w >= image.width) continue;
    const int top = draw(rng, 0, image.height - h), left = draw(rng, 0, image.width - w);
    for (int y = top; y < top + h; ++y) {
      uint8_t* q = image.row(y) + size_t(left) * size_t(image.channels);
      for (int i = 0; i < w * image.channels; ++i)
        q[i] = fill >= 0 ? uint8_t(fill) : uint8_t(rng.next_u32() >> 24);
    }
    break;
  }
  return image;
}

Augment::Augment(std::vector<Step> steps) : steps_(std::move(steps)) {
  for (const Step& step : steps_) {
    std::visit(
        [](const auto& s) {
          if constexpr (requires { s.check(); }) s.check();
        },
        step);
  }
}

Image Augment::apply(const Image& image, const Key& key) const {
  if (steps_.empty()) return image;
  Rng rng(key.fold_in(0));
  Image result = std::visit([&](const auto& s) { return s.apply(image, rng); }, steps_[0]);
  for (size_t i = 1; i < steps_.size(); ++i) {
    rng = Rng(key.fold_in(i));
    result = std::visit([&](const auto& s) { return s.apply(std::move(result), rng); }, steps_[i]);
  }
  return result;
}

std::vector<Image> ten_crop(const Image& image, int height, int width) {
  check_image(image, "ten_crop");
  const int bottom = image.height - height, right = image.width - width;
  std::vector<Image> crops;
  for (auto [top, left] : {std::pair{0, 0}, {0, right}, {bottom, 0}, {bottom, right}})
    crops.push_back(crop(image, {.top = top, .left = left, .height = height, .width = width}));
  crops.push_back(center_crop(image, height, width));
  for (size_t i = 0; i < 5; ++i) crops.push_back(flip_horizontal(crops[i]));
  return crops;
}

}  // namespace fovea::image
