#include "fovea/data/preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/image/geometry.h"

namespace fovea::data {

namespace {

using Json = nlohmann::ordered_json;
using Resize = Preprocess::Resize;

constexpr int max_side = 1 << 16;

constexpr std::array resize_names{"none", "stretch", "short_side"};
constexpr std::array filter_names{"nearest", "lanczos", "bilinear", "bicubic", "box"};
constexpr std::array order_names{"rgb", "bgr"};
const std::vector<std::string> keys{
    "channels",
    "convert_channels",
    "resize",
    "height",
    "width",
    "short_side",
    "interpolation",
    "reduced_decode",
    "scale",
    "mean",
    "std",
    "channel_order"};

[[noreturn]] void fail(const std::string& message) {
  throw std::invalid_argument("[preprocess] " + message);
}

template <size_t n>
int index_of(const Json& value, const std::string& key, const std::array<const char*, n>& names) {
  if (value.is_string())
    for (size_t i = 0; i < n; ++i)
      if (value.get<std::string>() == names[i]) return int(i);
  fail(fmt::format("{}: expected one of {}, got {}", key, fmt::join(names, ", "), value.dump()));
}

int read_int(const Json& value, const std::string& key) {
  if (!value.is_number_integer() || value.get<double>() < 0 || value.get<double>() > max_side)
    fail(
        fmt::format("{}: expected a whole number in [0, {}], got {}", key, max_side, value.dump()));
  return value.get<int>();
}

bool read_bool(const Json& value, const std::string& key) {
  if (!value.is_boolean())
    fail(fmt::format("{}: expected true or false, got {}", key, value.dump()));
  return value.get<bool>();
}

double read_number(const Json& value, const std::string& key) {
  if (!value.is_number()) fail(fmt::format("{}: expected a number, got {}", key, value.dump()));
  return value.get<double>();
}

std::vector<double> read_numbers(const Json& value, const std::string& key) {
  if (!value.is_array())
    fail(fmt::format("{}: expected a list of numbers, got {}", key, value.dump()));
  std::vector<double> numbers;
  for (const auto& v : value) numbers.push_back(read_number(v, key));
  return numbers;
}

}  // namespace

Preprocess Preprocess::with_crop_pct(int size, double crop_pct) {
  if (size <= 0 || !(crop_pct > 0 && crop_pct <= 1))
    fail(
        fmt::format("expected a size > 0 and a crop_pct in (0, 1], got {} and {}", size, crop_pct));
  Preprocess p;
  p.resize = Resize::short_side;
  p.height = p.width = size;
  p.short_side = int(std::floor(size / crop_pct));
  return p;
}

Preprocess Preprocess::named(std::string_view name, int height, int width, int channels) {
  static const std::vector<std::string> names{"imagenet", "caffe", "unit", "signed", "bytes"};
  Preprocess p;
  if (name.starts_with("{")) {
    p = from_json(std::string(name));
    if (p.height == 0 && p.channels == channels) {
      p.height = height;
      p.width = width;
    }
    if (p.channels != channels || p.height != height || p.width != width)
      fail(fmt::format(
          "expected pictures ({}, {}, {}), it gives ({}, {}, {})",
          height,
          width,
          channels,
          p.height,
          p.width,
          p.channels));
    return p;
  }
  p.channels = channels;
  p.height = height;
  p.width = width;
  p.resize = Resize::stretch;
  if (name == "imagenet" || name == "caffe") {
    const bool caffe = name == "caffe";
    const int side = std::max(height, width);
    p.resize = Resize::short_side;
    p.short_side = caffe ? int(std::lround(side * 256.0 / 227)) : side * 8 / 7;
    p.mean = caffe ? std::vector<double>{104, 117, 123} : std::vector<double>{0.485, 0.456, 0.406};
    if (!caffe) p.std = {0.229, 0.224, 0.225};
    if (caffe) p.scale = 1;
    p.bgr = caffe;
  } else if (name == "signed") {
    p.scale = 1 / 127.5;
    p.mean.assign(size_t(channels), 1);
  } else if (name == "bytes") {
    p.scale = 1;
  } else if (name != "unit") {
    fail(fmt::format(
        "expected one of {}, got \"{}\"{}",
        fmt::join(names, ", "),
        name,
        did_you_mean(std::string(name), names)));
  }
  p.check();
  return p;
}

void Preprocess::check() const {
  if (channels != 1 && channels != 3 && !takes_points())
    fail(fmt::format("expected 1 or 3 channels, or 2 of points, got {}", channels));
  if (takes_points() && (height != 1 || width != 1 || resize != Resize::none || bgr))
    fail(fmt::format(
        "expected 1 or 3 channels, got 2, which points of the plane have, as 1 x 1 without "
        "resizing; got {} x {}",
        height,
        width));
  if (height < 0 || width < 0 || height > max_side || width > max_side ||
      (height == 0) != (width == 0))
    fail(fmt::format(
        "expected a height and a width in [1, {}], got {} x {}", max_side, height, width));
  if (resize != Resize::none && height == 0)
    fail("expected a height and a width to resize to, got none");
  if (resize == Resize::short_side && (short_side < 1 || short_side > max_side))
    fail(fmt::format("expected a short_side in [1, {}], got {}", max_side, short_side));
  if (!std::isfinite(scale) || scale == 0)
    fail(fmt::format("expected a scale other than 0, got {}", scale));
  for (const auto* list : {&mean, &std})
    if (!list->empty() && list->size() != size_t(channels))
      fail(fmt::format(
          "expected {} values of {}, one per channel, got {}",
          channels,
          list == &mean ? "mean" : "std",
          list->size()));
  for (double m : mean)
    if (!std::isfinite(m)) fail("expected a finite mean");
  for (double s : std)
    if (!std::isfinite(s) || s <= 0) fail(fmt::format("expected a std above 0, got {}", s));
}

image::DecodeOptions Preprocess::decode_options() const {
  image::DecodeOptions how;
  if (convert_channels) how.channels = channels;
  if (reduced_decode && resize == Resize::stretch) how.min_size = 2 * std::max(height, width);
  if (reduced_decode && resize == Resize::short_side) how.min_size = 2 * short_side;
  return how;
}

image::Image Preprocess::resized(image::Image image) const {
  if (takes_points()) fail("the model takes points of the plane, and this is a picture");
  if (image.channels != channels) {
    if (!convert_channels)
      fail(fmt::format(
          "expected a picture with {} channel{}, got {}; convert it, or set convert_channels",
          channels,
          channels == 1 ? "" : "s",
          image.channels));
    image = image::convert(std::move(image), channels);
  }
  switch (resize) {
    case Resize::none:
      if (height > 0 && (image.height != height || image.width != width))
        fail(fmt::format(
            "expected a picture of {} x {}, got {} x {}; set resize to \"stretch\" or "
            "\"short_side\"",
            height,
            width,
            image.height,
            image.width));
      return image;
    case Resize::stretch:
      if (image.height == height && image.width == width) return image;
      return image::resize(image, height, width, filter);
    case Resize::short_side:
      if (std::min(image.height, image.width) == short_side) return image;
      return image::resize_short_side(image, short_side, filter);
  }
  FOVEA_ASSERT(false);
  return image;
}

image::Image Preprocess::geometry(image::Image image) const {
  image = resized(std::move(image));
  const bool fits = image.height == height && image.width == width;
  if (resize != Resize::short_side || fits) return image;
  return image::center_crop(image, height, width);
}

Tensor Preprocess::apply(std::span<const image::Image> images) const {
  Normaliser normalise(*this);
  std::vector<image::Image> ready;
  for (const auto& image : images) ready.push_back(geometry(image));
  int64_t h = ready.empty() ? height : ready[0].height, w = ready.empty() ? width : ready[0].width;
  Tensor x = Tensor::empty({int64_t(ready.size()), h, w, channels});
  auto out = x.mutable_data<float>();
  auto each = size_t(h * w * channels);
  for (size_t i = 0; i < ready.size(); ++i) {
    if (ready[i].height != h || ready[i].width != w)
      fail(fmt::format(
          "expected pictures of one size, got {} x {} after {} x {}; set resize",
          ready[i].height,
          ready[i].width,
          h,
          w));
    normalise(ready[i], out.subspan(i * each, each));
  }
  return x;
}

std::array<float, 2> Preprocess::normalised(const std::array<float, 2>& point) const {
  FOVEA_ASSERT(takes_points());
  std::array<float, 2> y{};
  for (size_t c = 0; c < 2; ++c)
    y[c] = float((point[c] * scale - (mean.empty() ? 0 : mean[c])) / (std.empty() ? 1 : std[c]));
  return y;
}

void Preprocess::check_input(const Tensor& x) const {
  auto side = [](int n) { return n == 0 ? std::string("any") : std::to_string(n); };
  bool fits = x.rank() == 4 && x.dtype() == Dtype::f32 && x.dim(3) == channels &&
              (height == 0 || (x.dim(1) == height && x.dim(2) == width));
  if (!fits)
    fail(fmt::format(
        "expected f32 (N, {}, {}, {}), got {}", side(height), side(width), channels, x.str()));
}

std::string Preprocess::to_json() const {
  check();
  Json j;
  j["channels"] = channels;
  j["convert_channels"] = convert_channels;
  j["resize"] = resize_names[size_t(resize)];
  j["height"] = height;
  j["width"] = width;
  j["short_side"] = short_side;
  j["interpolation"] = filter_names[size_t(filter)];
  j["reduced_decode"] = reduced_decode;
  j["scale"] = scale;
  j["mean"] = mean;
  j["std"] = std;
  j["channel_order"] = order_names[bgr ? 1 : 0];
  return j.dump();
}

Preprocess Preprocess::from_json(const std::string& text) {
  auto j = Json::parse(text, nullptr, false);
  if (j.is_discarded()) fail("expected a JSON object, got text that is no JSON");
  if (!j.is_object()) fail("expected a JSON object");
  Preprocess p;
  for (const auto& [key, value] : j.items()) {
    if (key == "channels")
      p.channels = read_int(value, key);
    else if (key == "convert_channels")
      p.convert_channels = read_bool(value, key);
    else if (key == "resize")
      p.resize = Resize(index_of(value, key, resize_names));
    else if (key == "height")
      p.height = read_int(value, key);
    else if (key == "width")
      p.width = read_int(value, key);
    else if (key == "short_side")
      p.short_side = read_int(value, key);
    else if (key == "interpolation")
      p.filter = image::Filter(index_of(value, key, filter_names));
    else if (key == "reduced_decode")
      p.reduced_decode = read_bool(value, key);
    else if (key == "scale")
      p.scale = read_number(value, key);
    else if (key == "mean")
      p.mean = read_numbers(value, key);
    else if (key == "std")
      p.std = read_numbers(value, key);
    else if (key == "channel_order")
      p.bgr = index_of(value, key, order_names) == 1;
    else
      fail(fmt::format("unknown key \"{}\"{}", key, did_you_mean(key, keys)));
  }
  p.check();
  return p;
}

Normaliser::Normaliser(const Preprocess& p) : channels_(p.channels), bgr_(p.bgr) {
  p.check();
  for (size_t c = 0; c < size_t(channels_); ++c)
    for (int v = 0; v < 256; ++v) {
      double mean = p.mean.empty() ? 0 : p.mean[c], std = p.std.empty() ? 1 : p.std[c];
      table_.push_back(float((v * p.scale - mean) / std));
    }
}

void Normaliser::operator()(const image::Image& image, std::span<float> out) const {
  FOVEA_ASSERT(image.channels == channels_ && out.size() == image.pixels.size());
  const uint8_t* in = image.pixels.data();
  const float* t = table_.data();
  float* y = out.data();
  size_t n = out.size();
  if (channels_ == 1) {
    for (size_t i = 0; i < n; ++i) y[i] = t[in[i]];
    return;
  }
  size_t first = bgr_ ? 2 : 0, last = 2 - first;
  for (size_t i = 0; i < n; i += 3) {
    y[i] = t[in[i + first]];
    y[i + 1] = t[256 + in[i + 1]];
    y[i + 2] = t[512 + in[i + last]];
  }
}

}  // namespace fovea::data
