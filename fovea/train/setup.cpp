#include "fovea/train/setup.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/data/balance.h"
#include "fovea/data/point_dataset.h"
#include "fovea/data/split.h"
#include "fovea/data/statistics.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/models/registry.h"
#include "fovea/onnx/open.h"
#include "fovea/train/fit.h"
#include "fovea/train/transfer.h"

namespace fovea::train {

namespace {

// The sizes of some pictures, evenly spread over the dataset.
struct Look {
  bool same_size = true, grey = true;
  int height = 0, width = 0;
};

Look look_at(const data::Dataset& dataset) {
  Look look;
  int64_t n = dataset.size(), samples = std::min<int64_t>(n, 64);
  std::string error;
  for (int64_t k = 0; k < samples; ++k) {
    image::Image picture;
    try {
      picture = dataset.image(k * n / samples);
    } catch (const IoError& e) {  // the loader will count it
      error = e.what();
      continue;
    }
    if (look.height == 0) {
      look.height = picture.height;
      look.width = picture.width;
    }
    look.same_size &= picture.height == look.height && picture.width == look.width;
    look.grey &= picture.channels < 3;
  }
  if (look.height == 0)
    throw IoError(dataset.name(), "none of the pictures looked at can be read; the last: " + error);
  return look;
}

}  // namespace

data::Preprocess choose_preprocess(const Recipe& recipe, const data::Dataset& dataset) {
  if (data::holds_points(dataset)) {
    if (recipe.channels + recipe.height + recipe.width > 0 || recipe.resize != "auto")
      throw std::invalid_argument(
          "data.channels, data.height, data.width and data.resize are for pictures, and " +
          dataset.name() + " holds points of the plane");
    return data::point_preprocess(data::points_of(dataset), recipe.normalize == "auto");
  }
  Look look = look_at(dataset);
  data::Preprocess p;
  p.channels = recipe.channels ? recipe.channels : look.grey ? 1 : 3;

  using Resize = data::Preprocess::Resize;
  bool sized = recipe.height > 0 || recipe.width > 0;
  if (recipe.resize == "none" || (recipe.resize == "auto" && look.same_size && !sized)) {
    p.height = look.height;
    p.width = look.width;
    // Pictures of that size stay as they are; those met later may have another.
    if (recipe.resize == "auto")
      p.resize = look.height == look.width ? Resize::short_side : Resize::stretch;
    if (p.resize == Resize::short_side) p.short_side = p.height;
  } else {
    p.height = recipe.height ? recipe.height : recipe.width;
    p.width = recipe.width ? recipe.width : recipe.height;
    if (p.height == 0) {
      if (recipe.model == "layers")
        throw std::invalid_argument(
            "the pictures differ in size and the model is a list of layers: give data.height");
      const Shape& input = models::find(recipe.model).input;
      p.height = int(input[0]);
      p.width = int(input[1]);
    }
    p.resize = recipe.resize == "stretch" ? Resize::stretch : Resize::short_side;
    // As is usual, the shorter side is resized to 8/7 of the crop: 256 for 224.
    if (p.resize == Resize::short_side) p.short_side = std::max(p.height, p.width) * 8 / 7;
    p.reduced_decode = true;
  }
  if (recipe.normalize == "auto") {
    data::ChannelStats s = data::channel_stats(dataset, p, threads());
    p.mean = s.mean;
    p.std = s.std;
    for (double& x : p.std) x = std::max(x, 1e-6);  // a constant channel
  }
  p.check();
  return p;
}

// The size is that of new inputs, which the surgery makes: here it is for graphs of any size, and
// for the preprocessing that a name stands for.
models::Model model_from(const Recipe& recipe) {
  onnx::OpenOptions o{.preprocess = recipe.from_preprocess, .batches = true};
  if (!recipe.from_preprocess.empty()) {
    o.height = recipe.height > 0 ? recipe.height : recipe.width;
    o.width = recipe.width > 0 ? recipe.width : recipe.height;
  }
  return onnx::open(recipe.from, o);
}

std::vector<models::LayerSpec> layers_of(
    const Recipe& recipe, const Shape& input, int64_t classes) {
  if (recipe.classic) return models::classic_layers(*recipe.classic, input.numel(), classes);
  if (recipe.pattern.empty()) return recipe.layers;
  models::PatternOptions pattern = recipe.pattern_options;
  pattern.classes = classes;
  return models::expand_pattern(recipe.pattern, pattern);
}

LossOptions loss_options(
    const Recipe& recipe,
    std::span<const int64_t> counts,
    const std::vector<std::string>& classes) {
  LossOptions o{
      .label_smoothing = recipe.label_smoothing,
      .focal_gamma = recipe.focal_gamma,
      .hinge = recipe.hinge};
  const bool by_counts =
      recipe.weighting == ClassWeighting::balanced || recipe.weighting == ClassWeighting::effective;
  auto empty = std::ranges::find(counts, 0);
  if ((by_counts || recipe.balance) && empty != counts.end())
    throw std::invalid_argument(fmt::format(
        "{}: expected training pictures of every class, got none of {}",
        by_counts ? "train.class_weights" : "data.sampler",
        classes[size_t(empty - counts.begin())]));
  std::vector<double> weights = recipe.class_weights;
  if (recipe.weighting == ClassWeighting::balanced) weights = data::balanced_weights(counts);
  if (recipe.weighting == ClassWeighting::effective) weights = data::effective_weights(counts);
  if (weights.empty()) return o;
  if (weights.size() != counts.size())
    throw std::invalid_argument(fmt::format(
        "train.class_weights: expected a weight for each of the {} classes, {}, got {}",
        counts.size(),
        list_of(classes, 10),
        weights.size()));
  o.class_weights.assign(weights.begin(), weights.end());
  return o;
}

void use_processors(const Recipe& recipe) {
  set_determinism(recipe.determinism);
  set_threads(recipe.threads);
}

data::LoaderOptions loader_options(const Recipe& recipe, const Setup& setup, bool training) {
  data::LoaderOptions o;
  o.batch_size = recipe.batch;
  o.preprocess = setup.model.preprocess;
  o.key = Key(recipe.seed).fold_in(4);
  o.workers = recipe.workers;
  o.cache_bytes = recipe.cache_bytes;
  o.max_corrupt = recipe.max_corrupt;
  if (training) {
    o.augment = recipe.augment;
    o.shuffle = !recipe.balance;
    o.balance = recipe.balance;
    o.drop_last = setup.source.train->size() >= recipe.batch;
  }
  return o;
}

namespace {

// Before any data is read.
void check_model_name(const Recipe& recipe) {
  const std::vector<std::string> known = models::names();
  if (!recipe.from.empty() || recipe.model == "layers" ||
      std::ranges::find(known, recipe.model) != known.end())
    return;
  throw std::invalid_argument(fmt::format(
      "unknown model \"{}\"{}; `fovea models` lists the networks, and there are knn, svm, l2svm, "
      "softmax, rbf, tree, and layers for [[model.layers]]",
      recipe.model,
      did_you_mean(recipe.model, known)));
}

data::Source with_validation_share(const data::Source& source, const Recipe& recipe) {
  try {
    return data::with_validation(source, Key(recipe.seed).fold_in(2), {.share = recipe.val_share});
  } catch (const std::invalid_argument& e) {
    throw std::invalid_argument(fmt::format(
        "data.val = {}: {}; give more pictures, some for validation of their own "
        "(train=PATH,val=PATH), or data.val=0 for none",
        recipe.val_share,
        e.what()));
  }
}

}  // namespace

Setup set_up(const Recipe& recipe) {
  check_model_name(recipe);
  Setup s;
  s.source = data::open(recipe.source, {.allow_missing_classes = recipe.allow_missing_classes});
  s.notes = s.source.notes;
  if (!s.source.train)
    throw std::invalid_argument(
        fmt::format("{} has no training pictures; give it as train=PATH", recipe.source));
  if (recipe.limit > 0 && recipe.limit < s.source.train->size()) {
    auto order = data::permutation(s.source.train->size(), Key(recipe.seed).fold_in(3));
    order.resize(size_t(recipe.limit));
    std::sort(order.begin(), order.end());
    s.source.train = data::subset(s.source.train, std::move(order));
  }
  if (recipe.fold.of > 0)
    s.source = data::with_fold(s.source, Key(recipe.seed).fold_in(2), recipe.fold);
  else if (!s.source.val && recipe.val_share > 0)
    s.source = with_validation_share(s.source, recipe);

  // The weights come from the training split alone.
  s.loss = loss_options(recipe, data::class_counts(*s.source.train), s.source.train->classes());
  const auto uneven = data::imbalance(*s.source.train);
  const bool unnoticed = recipe.weighting == ClassWeighting::none && !recipe.balance;
  if (uneven && unnoticed && !recipe.focal_gamma)
    s.notes.push_back(*uneven + ": consider data.sampler=weighted or train.class_weights=balanced");

  if (!recipe.from.empty()) {
    Surgery surgery = operate(
        model_from(recipe),
        {.classes = int64_t(s.source.classes.size()),
         .linear_head = recipe.linear_head,
         .channels = recipe.channels,
         .height = recipe.height,
         .width = recipe.width},
        Key(recipe.seed).fold_in(1));
    s.model = std::move(surgery.model);
    s.fresh = std::move(surgery.fresh);
    s.model.classes = s.source.classes;
    s.model.data_fingerprint = data::fingerprint(*s.source.train);
    s.notes.push_back(fmt::format("{}: {}", recipe.from, surgery.report));
    return s;
  }
  s.model.preprocess = choose_preprocess(recipe, *s.source.train);
  const data::Preprocess& p = s.model.preprocess;
  const Shape input{p.height, p.width, p.channels};
  const auto classes = int64_t(s.source.classes.size());
  s.model.architecture = {
      .name = recipe.model,
      .input = input,
      .classes = classes,
      .layers = layers_of(recipe, input, classes)};
  s.model.net = models::build(s.model.architecture);
  models::check_classifies(*s.model.net, s.model.architecture);
  s.model.classes = s.source.classes;
  s.model.data_fingerprint = data::fingerprint(*s.source.train);
  nn::initialize(*s.model.net, Key(recipe.seed).fold_in(1));
  if (!recipe.init.empty()) {
    nn::LoadReport report =
        nn::load(*s.model.net, formats::load_safetensors(recipe.init).tensors, {.strict = false});
    if (report.loaded == 0)
      throw std::invalid_argument(
          fmt::format("{}: nothing in it fits the model; {}", recipe.init, report.str()));
    s.notes.push_back(fmt::format("{}: {}", recipe.init, report.str()));
  }
  fit_layers(
      s.model,
      s.source.train,
      {.key = Key(recipe.seed).fold_in(8),
       .workers = recipe.workers,
       .max_corrupt = recipe.max_corrupt});
  return s;
}

}  // namespace fovea::train
