#include "fovea/data/views.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/image/augment.h"

namespace fovea::data {

namespace {

using image::Image;
using Crops = ViewOptions::Crops;
using Resize = Preprocess::Resize;

[[noreturn]] void fail(const std::string& message) {
  throw std::invalid_argument("[views] " + message);
}

// The preprocessing with another shorter side.
Preprocess at(Preprocess p, int short_side) {
  p.resize = Resize::short_side;
  p.short_side = short_side;
  p.check();
  return p;
}

void check(const Preprocess& p, const ViewOptions& o) {
  p.check();
  if (o.whole && o.crops == Crops::ten) fail("expected ten crops or whole pictures, got both");
  if (o == ViewOptions()) return;
  if (p.height == 0)
    fail("expected a model with a size of its own, since its crops are views; this takes any size");
  const bool cut = o.whole || o.crops == Crops::ten;
  if (cut && o.short_sides.empty() && p.resize != Resize::short_side)
    fail(fmt::format(
        "the model's preprocessing gives pictures of {} x {} and crops nothing, so there is only "
        "one view; give short sides to resize to, such as {}",
        p.height,
        p.width,
        std::max(p.height, p.width) * 8 / 7));
  std::vector<int> sides = o.short_sides;
  if (cut && sides.empty()) sides.push_back(p.short_side);
  for (int side : sides)
    if (side < std::max(p.height, p.width))
      fail(fmt::format(
          "expected short sides of at least {}, so that {} x {} can be cut out, got {}",
          std::max(p.height, p.width),
          p.height,
          p.width,
          side));
}

}  // namespace

Views::Views(const Preprocess& preprocess, ViewOptions options) : options_(std::move(options)) {
  check(preprocess, options_);
  for (int side : options_.short_sides) scales_.push_back(at(preprocess, side));
  if (scales_.empty()) scales_.push_back(preprocess);
}

int Views::count() const {
  const int each = options_.crops == Crops::ten ? 10 : options_.crops == Crops::flip ? 2 : 1;
  return each * int(scales_.size());
}

std::string Views::str() const {
  if (options_ == ViewOptions()) return "1 view: what the model was trained to see";
  const Preprocess& p = scales_[0];
  std::string text = count() == 1 ? "1 view: " : fmt::format("{} views: ", count());
  if (options_.whole)
    text += "whole pictures";
  else if (options_.crops == Crops::ten)
    text += fmt::format("ten crops of {} x {}", p.height, p.width);
  else
    text += "the middle";
  if (options_.crops == Crops::flip) text += ", also mirrored";
  if (p.resize != Resize::short_side) return text;
  if (options_.crops == Crops::flip) text += ",";
  std::vector<int> sides;
  for (const Preprocess& scale : scales_) sides.push_back(scale.short_side);
  return fmt::format("{} at {}", text, fmt::join(sides, ", "));
}

int64_t Views::pictures(int64_t n) const {
  double work = count();
  if (options_.whole) {
    work = 0;
    for (const Preprocess& p : scales_)
      work += double(p.short_side) * p.short_side / (double(p.height) * p.width);
    work *= count() / double(scales_.size());
  }
  return std::max<int64_t>(1, int64_t(double(n) / work));
}

image::DecodeOptions Views::decode_options() const {
  return std::ranges::max_element(scales_, {}, &Preprocess::short_side)->decode_options();
}

std::vector<Image> Views::of(const Image& picture) const {
  std::vector<Image> views;
  for (const Preprocess& p : scales_) {
    if (options_.crops == Crops::ten) {
      for (Image& crop : image::ten_crop(p.resized(picture), p.height, p.width))
        views.push_back(std::move(crop));
      continue;
    }
    views.push_back(options_.whole ? p.resized(picture) : p.geometry(picture));
    if (options_.crops == Crops::flip) views.push_back(image::flip_horizontal(views.back()));
  }
  return views;
}

void ViewBatch::add(const Image& picture) { add(views_->of(picture)); }

void ViewBatch::add(std::vector<Image> views) {
  for (Image& view : views) {
    auto part = std::ranges::find_if(parts_, [&](const Part& p) {
      return p.images[0].height == view.height && p.images[0].width == view.width;
    });
    if (part == parts_.end()) part = parts_.insert(part, Part{});
    part->images.push_back(std::move(view));
    part->of.push_back(size_);
  }
  ++size_;
}

std::vector<ViewGroup> ViewBatch::take(Device device) {
  const Normaliser normalise(views_->preprocess());
  std::vector<ViewGroup> groups;
  for (Part& part : parts_) {
    const Image& first = part.images[0];
    Tensor x = Tensor::empty(
        {int64_t(part.images.size()), first.height, first.width, first.channels},
        Dtype::f32,
        device);
    auto out = x.mutable_data<float>();
    const size_t each = first.pixels.size();
    for (size_t i = 0; i < part.images.size(); ++i)
      normalise(part.images[i], out.subspan(i * each, each));
    groups.push_back({.images = std::move(x), .of = std::move(part.of)});
  }
  parts_.clear();
  size_ = 0;
  return groups;
}

}  // namespace fovea::data
