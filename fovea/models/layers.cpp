#include "fovea/models/layers.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/core/number_list.h"
#include "fovea/core/text.h"
#include "fovea/models/blocks.h"
#include "fovea/models/classic_layers.h"
#include "fovea/models/feature_layers.h"
#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/fractional_pool.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/nn/tree_softmax.h"

namespace fovea::models {

namespace {

std::unique_ptr<nn::Module> norm_of(const std::string& name, int64_t channels) {
  if (name == "batch")
    return std::make_unique<nn::BatchNorm>(nn::BatchNorm::Options{.channels = channels});
  if (name == "layer")
    return std::make_unique<nn::LayerNorm>(nn::LayerNorm::Options{.channels = channels});
  if (name == "instance")
    return std::make_unique<nn::InstanceNorm>(nn::InstanceNorm::Options{.channels = channels});
  if (name == "group")
    return std::make_unique<nn::GroupNorm>(
        nn::GroupNorm::Options{.groups = channels % 32 == 0 ? 32 : 1, .channels = channels});
  throw std::invalid_argument(
      fmt::format("expected norm = batch, layer, instance, group or none, got \"{}\"", name));
}

// The layer with the norm and activation its options ask for.
std::unique_ptr<nn::Module> finished(
    std::unique_ptr<nn::Module> layer, const Reader& r, int64_t channels) {
  std::string norm = r.text("norm"), act = r.text("act");
  if (norm == "none" && act == "none") return layer;
  auto all = std::make_unique<nn::Sequential>();
  all->add(std::move(layer));
  if (norm != "none") all->add("norm", norm_of(norm, channels));
  if (act != "none") all->add("act", std::make_unique<nn::Activation>(act));
  return all;
}

std::unique_ptr<nn::Module> make_conv(const Reader& r, const Shape& in) {
  if (in.rank() != 4)
    throw std::invalid_argument(fmt::format("expected images (N, H, W, C), got {}", in.str()));
  int kernel = r.integer("kernel", 1), stride = r.integer("stride", 1);
  int groups = r.integer("groups", 1), dilation = r.integer("dilation", 1);
  int pad = r.text("pad") == "same" ? dilation * (kernel - 1) / 2 : r.integer("pad", 0);
  std::string norm = r.text("norm"), act = r.text("act");
  nn::Conv2d::Options o{
      .in = in[3],
      .out = r.integer("out", 1),
      .kernel = {kernel, kernel},
      .conv =
          {.stride = {stride, stride},
           .pad = {pad, pad, pad, pad},
           .dilation = {dilation, dilation},
           .groups = groups},
      .bias = norm == "none",
      .init = nn::init_named(r.text("init")),
      .bias_init = nn::constant(r.number<double>("bias"))};
  if (norm == "batch" && act == "relu") return std::make_unique<ConvBnRelu>(o);
  return finished(std::make_unique<nn::Conv2d>(o), r, o.out);
}

std::unique_ptr<nn::Module> make_linear_layer(const Reader& r, const Shape& in) {
  int64_t out = r.integer("out", 1);
  auto linear = std::make_unique<nn::Linear>(nn::Linear::Options{
      .in = features(in),
      .out = out,
      .init = nn::init_named(r.text("init")),
      .bias_init = nn::constant(r.number<double>("bias"))});
  return finished(std::move(linear), r, out);
}

// "equal", or a number for each class with commas between.
LabelTree tree_of(const std::string& frequencies, int64_t classes) {
  if (frequencies == "equal") return LabelTree(classes);
  const auto values = parse_numbers<double>(frequencies);
  if (!values)
    throw std::invalid_argument(fmt::format(
        "expected \"frequencies\" to be equal or numbers with commas between, got \"{}\"",
        frequencies));
  if (int64_t(values->size()) != classes)
    throw std::invalid_argument(fmt::format(
        "expected a frequency for each of {} classes, got {}", classes, values->size()));
  return LabelTree(*values);
}

Pool2dOptions window_of(const Reader& r) {
  int kernel = r.integer("kernel", 1), pad = r.integer("pad", 0);
  int stride = r.text("stride") == "kernel" ? kernel : r.integer("stride", 1);
  return {.kernel = {kernel, kernel}, .stride = {stride, stride}, .pad = {pad, pad, pad, pad}};
}

const LayerOption pool_kernel{"kernel", "2", "side of the window", true},
    pool_stride{"stride", "kernel", "step of the window", true},
    pool_pad{"pad", "0", "on each side", true},
    norm_option{"norm", "none", "batch, layer, group, instance or none"},
    act_option{"act", "none", "an activation, or none"},
    bias_option{"bias", "0", "where the biases begin; 0.01 starts ReLUs slightly open"};

const std::vector<LayerMaker>& rows() {
  static const std::vector<LayerMaker> table{
      {{"conv",
        "convolution, with norm and activation behind it",
        {{"out", "", "output channels", true},
         {"kernel", "3", "side of the kernel", true},
         {"stride", "1", "step", true},
         {"pad", "same", "on each side, or same", true},
         {"dilation", "1", "1 is dense", true},
         {"groups", "1", "channel groups", true},
         {"init", "he_normal", "initialiser"},
         bias_option,
         norm_option,
         act_option},
        Learning::by_steps},
       make_conv},
      {{"linear",
        "fully connected, with norm and activation behind it",
        {{"out", "", "output features", true},
         {"init", "lecun_uniform", "initialiser"},
         bias_option,
         norm_option,
         act_option},
        Learning::by_steps},
       make_linear_layer},
      {{"hierarchical_softmax",
        "fully connected to a tree of decisions that gives the classes' log-probabilities; last",
        {{"out", "", "classes", true},
         {"frequencies", "equal", "of the classes, 50,30,20: the frequent get short paths"}},
        Learning::by_steps},
       [](const Reader& r, const Shape& in) -> std::unique_ptr<nn::Module> {
         return std::make_unique<nn::TreeSoftmax>(
             features(in), tree_of(r.text("frequencies"), r.integer("out", 2)));
       }},
      {{"max_pool", "largest of each window", {pool_kernel, pool_stride, pool_pad}},
       [](const Reader& r, const Shape&) -> std::unique_ptr<nn::Module> {
         return std::make_unique<nn::MaxPool2d>(window_of(r));
       }},
      {{"avg_pool", "mean of each window", {pool_kernel, pool_stride, pool_pad}},
       [](const Reader& r, const Shape&) -> std::unique_ptr<nn::Module> {
         return std::make_unique<nn::AvgPool2d>(window_of(r));
       }},
      {{"fractional_max_pool",
        "largest of each window, windows drawn anew for each batch",
        {{"ratio", "1.414", "how much smaller the sides become"},
         {"overlapping", "true", "neighbouring windows share a row or column"},
         {"pseudorandom", "true", "windows of even sizes at a random place; false: in any order"}}},
       [](const Reader& r, const Shape&) -> std::unique_ptr<nn::Module> {
         return std::make_unique<nn::FractionalMaxPool2d>(nn::FractionalMaxPool2d::Options{
             .ratio = r.number<double>("ratio"),
             .overlapping = r.flag("overlapping"),
             .pseudorandom = r.flag("pseudorandom")});
       }},
      {{"global_pool", "mean over all pixels: (N, H, W, C) -> (N, C)", {}},
       [](const Reader&, const Shape&) -> std::unique_ptr<nn::Module> {
         return std::make_unique<nn::GlobalAvgPool>();
       }},
      {{"flatten", "(N, H, W, C) -> (N, C H W)", {}},
       [](const Reader&, const Shape&) -> std::unique_ptr<nn::Module> {
         return std::make_unique<nn::Flatten>();
       }},
      {{"norm",
        "a normalisation",
        {{"kind", "batch", "batch, layer, group or instance"}},
        Learning::by_steps},
       [](const Reader& r, const Shape& in) { return norm_of(r.text("kind"), in.back()); }},
      {{"act", "an activation", {{"kind", "relu", "relu, leaky_relu, elu, gelu, tanh, ..."}}},
       [](const Reader& r, const Shape&) -> std::unique_ptr<nn::Module> {
         return std::make_unique<nn::Activation>(r.text("kind"));
       }},
      {{"prelu", "learned leaky ReLU, a slope per channel", {}, Learning::by_steps},
       [](const Reader&, const Shape& in) -> std::unique_ptr<nn::Module> {
         return std::make_unique<nn::PRelu>(in.back());
       }},
      {{"maxout", "largest of groups of channels", {{"pieces", "2", "groups", true}}},
       [](const Reader& r, const Shape&) -> std::unique_ptr<nn::Module> {
         return std::make_unique<nn::Maxout>(r.integer("pieces", 1));
       }},
      {{"dropout",
        "zeroes a share of the elements in training",
        {{"rate", "0.5", "share dropped"},
         {"channels", "false", "drop whole channels"},
         {"inverted", "true", "scale in training by 1 / (1 - rate); false: at test by 1 - rate"}}},
       [](const Reader& r, const Shape&) -> std::unique_ptr<nn::Module> {
         return std::make_unique<nn::Dropout>(nn::Dropout::Options{
             .rate = r.number<double>("rate"),
             .channels = r.flag("channels"),
             .inverted = r.flag("inverted")});
       }},
      {{"lrn", "local response normalisation", {{"size", "5", "channels in the window", true}}},
       [](const Reader& r, const Shape&) -> std::unique_ptr<nn::Module> {
         return std::make_unique<nn::LocalResponseNorm>(
             LocalResponseNormOptions{.size = r.integer("size", 1)});
       }},
  };
  return table;
}

const LayerType* find_type(std::string_view name) {
  const auto row = std::ranges::find(layer_types(), name, &LayerType::name);
  return row == layer_types().end() ? nullptr : &*row;
}

const LayerMaker& maker_of(const std::string& type) {
  std::vector<std::string> known;
  for (const auto* table : {&rows(), &classic_layer_makers(), &feature_layer_makers()})
    for (const LayerMaker& row : *table) {
      if (row.type.name == type) return row;
      known.emplace_back(row.type.name);
    }
  throw std::invalid_argument(
      fmt::format("unknown layer type \"{}\"{}", type, did_you_mean(type, known)));
}

}  // namespace

const std::vector<LayerType>& layer_types() {
  static const std::vector<LayerType> types = [] {
    std::vector<LayerType> list;
    for (const auto* table : {&rows(), &classic_layer_makers(), &feature_layer_makers()})
      for (const LayerMaker& row : *table) list.push_back(row.type);
    return list;
  }();
  return types;
}

bool is_fitted(const LayerSpec& layer) {
  const LayerType* type = find_type(layer.type);
  return type && type->learning == Learning::by_fitting;
}

bool learns_by_steps(const LayerSpec& layer) {
  if (is_fitted(layer)) {
    const auto train = layer.options.find("train");
    return train != layer.options.end() && train->second == "true";
  }
  const LayerType* type = find_type(layer.type);
  return type && type->learning == Learning::by_steps;
}

std::string reads_colours(const std::vector<LayerSpec>& layers) {
  for (const LayerSpec& layer : layers)
    if (layer.type == "hue_histogram" || layer.type == "features") return layer.type;
  return "";
}

std::unique_ptr<nn::Module> build_layers(const std::vector<LayerSpec>& layers, const Shape& input) {
  if (layers.empty()) throw std::invalid_argument("[layers] expected at least one layer");
  auto net = std::make_unique<nn::Sequential>();
  Tensor x = nn::shaped({1, input.dim(0), input.dim(1), input.dim(2)});
  for (size_t i = 0; i < layers.size(); ++i) {
    try {
      const LayerMaker& row = maker_of(layers[i].type);
      std::unique_ptr<nn::Module> layer = row.make(Reader(layers[i], row.type), x.shape());
      nn::Ctx ctx;
      x = layer->forward(x, ctx);  // builds nodes only, for the shape
      net->add(std::move(layer));
    } catch (const std::invalid_argument& e) {
      throw std::invalid_argument(fmt::format(
          "layer {} ({}), whose input is {}: {}", i, layers[i].type, x.shape().str(), e.what()));
    }
  }
  return net;
}

}  // namespace fovea::models
