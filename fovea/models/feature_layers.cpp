#include "fovea/models/feature_layers.h"

#include <fmt/format.h>

#include "fovea/classic/features.h"

namespace fovea::models {

namespace {

BlockNorm block_norm(const std::string& name) {
  if (name == "none") return BlockNorm::none;
  if (name == "l2") return BlockNorm::l2;
  if (name == "l2_hys") return BlockNorm::l2_hys;
  throw std::invalid_argument(
      fmt::format("expected block_norm = none, l2 or l2_hys, got \"{}\"", name));
}

std::unique_ptr<nn::Module> make_hog(const Reader& r, const Shape&) {
  return std::make_unique<classic::Hog>(HogOptions{
      .cell = r.integer("cell", 1),
      .orientations = r.integer("orientations", 1),
      .is_signed = r.flag("signed"),
      .block = r.integer("block", 1),
      .soft = r.flag("soft"),
      .window = r.number<double>("window"),
      .norm = block_norm(r.text("block_norm")),
      .clip = r.number<double>("clip")});
}

std::unique_ptr<nn::Module> make_hue_histogram(const Reader& r, const Shape&) {
  return std::make_unique<classic::HueHistogram>(HueHistogramOptions{.bins = r.integer("hues", 1)});
}

std::unique_ptr<nn::Module> make_features(const Reader& r, const Shape& in) {
  std::vector<std::unique_ptr<nn::Module>> parts;
  parts.push_back(make_hog(r, in));
  parts.push_back(make_hue_histogram(r, in));
  return std::make_unique<classic::Join>(std::move(parts));
}

std::vector<LayerOption> operator+(std::vector<LayerOption> a, const LayerOption& b) {
  a.push_back(b);
  return a;
}

}  // namespace

const std::vector<LayerMaker>& feature_layer_makers() {
  static const LayerOption hues{"hues", "10", "bins of the hue, over the whole circle"};
  static const std::vector<LayerOption> hog{
      {"cell", "8", "side of a cell, in pixels"},
      {"orientations", "9", "bins of the gradient's angle"},
      {"signed", "false", "angles over 360 degrees instead of 180"},
      {"block", "2", "side of a block, in cells"},
      {"soft", "true", "votes are shared by neighbouring cells and bins"},
      {"window", "0", "deviation of a block's Gaussian weights in pixels; 0 none"},
      {"block_norm", "l2_hys", "none, l2 or l2_hys"},
      {"clip", "0.2", "of l2_hys"}};
  static const std::vector<LayerMaker> table{
      {{"hog", "histograms of oriented gradients: (N, H, W, C) -> (N, h, w, F)", hog}, make_hog},
      {{"hue_histogram", "how often each hue occurs: (N, H, W, 3) -> (N, hues)", {hues}},
       make_hue_histogram},
      {{"features", "hog and hue_histogram side by side: (N, H, W, 3) -> (N, F)", hog + hues},
       make_features},
  };
  return table;
}

}  // namespace fovea::models
