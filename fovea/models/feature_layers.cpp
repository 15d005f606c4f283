#include "fovea/models/feature_layers.h"

#include <fmt/format.h>

#include "fovea/classic/features.h"
#include "fovea/classic/rbf.h"
#include "fovea/classic/tree.h"
#include "fovea/classic/visual_words.h"

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

std::unique_ptr<nn::Module> make_sift(const Reader& r, const Shape&) {
  return std::make_unique<classic::Sift>(
      SiftOptions{.cell = r.integer("cell", 1), .step = r.integer("step", 1)});
}

std::unique_ptr<nn::Module> make_words(const Reader& r, const Shape& in) {
  return std::make_unique<classic::VisualWords>(classic::VisualWords::Options{
      .in = in[in.rank() - 1], .words = r.integer("words", 1), .samples = r.integer("samples", 1)});
}

std::unique_ptr<nn::Module> make_rbf(const Reader& r, const Shape& in) {
  return std::make_unique<classic::Rbf>(classic::Rbf::Options{
      .in = features(in),
      .units = r.integer("units", 1),
      .width = r.number<double>("width"),
      .train = r.flag("train"),
      .samples = r.integer("samples", 1)});
}

std::unique_ptr<nn::Module> make_tree(const Reader& r, const Shape& in) {
  return std::make_unique<classic::DecisionTree>(classic::DecisionTree::Options{
      .in = features(in),
      .classes = r.integer("out", 1),
      .depth = r.integer("depth", 1),
      .least = r.integer("least", 1)});
}

std::vector<LayerOption> operator+(std::vector<LayerOption> a, const LayerOption& b) {
  a.push_back(b);
  return a;
}

}  // namespace

const std::vector<LayerMaker>& feature_layer_makers() {
  static const LayerOption hues{"hues", "10", "bins of the hue, over the whole circle", true};
  static const std::vector<LayerOption> hog{
      {"cell", "8", "side of a cell, in pixels", true},
      {"orientations", "9", "bins of the gradient's angle", true},
      {"signed", "false", "angles over 360 degrees instead of 180"},
      {"block", "2", "side of a block, in cells", true},
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
      {{"sift",
        "SIFT descriptors on a grid: (N, H, W, C) -> (N, h, w, 128); needs OpenCV",
        {{"cell", "4", "side of one of a descriptor's 4 x 4 cells, in pixels", true},
         {"step", "4", "from one descriptor to the next", true}}},
       make_sift},
      {{"words",
        "bag of visual words made from the training data: (N, H, W, D) -> (N, words)",
        {{"words", "", "that k-means finds among the descriptors of sift or hog", true},
         {"samples", "20000", "descriptors that k-means looks at, at most", true}},
        Learning::by_fitting},
       make_words},
      {{"rbf",
        "Gaussians around centres found in the training data: (N, F) -> (N, units)",
        {{"units", "", "centres", true},
         {"width", "1", "of all, in root mean squared distances of a sample to its centre"},
         {"train", "false", "train centres and widths as well"},
         {"samples", "10000", "that k-means looks at, at most", true}},
        Learning::by_fitting},
       make_rbf},
      {{"tree",
        "decision tree on the training data: (N, F) -> (N, out)",
        {{"out", "", "classes", true},
         {"depth", "10", "questions to a leaf, at most 16", true},
         {"least", "1", "samples in a leaf, at least", true}},
        Learning::by_fitting},
       make_tree},
  };
  return table;
}

}  // namespace fovea::models
