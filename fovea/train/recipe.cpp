#include "fovea/train/recipe.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/number_list.h"
#include "fovea/core/text.h"
#include "fovea/models/layers.h"
#include "fovea/optim/factory.h"

namespace fovea::train {

namespace {

// Also what model.name says where a recipe has layers or a pattern and names none.
constexpr std::string_view default_model = "convnet";
constexpr std::string_view default_focal_gamma = "2";
constexpr int most_path_snapshots = 20;  // where they are only kept for the report

}  // namespace

std::span<const KeyInfo> recipe_keys() {
  using enum ValueType;
  static const KeyInfo keys[] = {
      {"run.name", text, "", "name of the run; made from model and data where empty"},
      {"run.folder", text, "runs", "folder that holds the runs"},
      {"run.seed", integer, "1", "seed of weights, order and augmentation"},
      {"run.threads", integer, "0", "threads of the kernels; 0 uses all processors"},
      {"run.determinism", text, "usual", "usual, or strict: the same bits for any run.threads"},
      {"run.doctor",
       boolean,
       "true",
       "look for what keeps the run from training well; costs little beside a run of minutes"},
      {"data.source",
       text,
       "digits",
       "digits, a folder, an archive, points (moons, FILE.csv), or train=A,test=B"},
      {"data.val", number, "0.1", "share of the training data kept for validation"},
      {"data.folds", integer, "0", "divide the training data in so many parts; 0 keeps data.val"},
      {"data.fold", integer, "1", "which of data.folds validates; the others train"},
      {"data.limit", integer, "0", "use this many training samples only; 0 uses all"},
      {"data.channels", integer, "0", "1 grey, 3 colours, 0 as the data has"},
      {"data.height", integer, "0", "input height; 0 as the model or the data has"},
      {"data.width", integer, "0", "input width; 0 as the model or the data has"},
      {"data.resize", text, "auto", "auto, none, stretch or short_side"},
      {"data.normalize", text, "auto", "auto (mean and standard deviation per channel) or none"},
      {"data.sampler",
       text,
       "shuffle",
       "shuffle, or weighted: all classes equally often, by chance"},
      {"data.workers", integer, "1", "loader threads; 0 loads in the training thread"},
      {"data.cache_mb", integer, "1024", "memory for decoded pictures, in MB"},
      {"data.max_corrupt", number, "0.1", "share of unreadable pictures that is skipped"},
      {"data.allow_missing_classes", boolean, "false", "validation may lack classes"},
      {"model.name",
       text,
       default_model,
       "a model of `fovea models`, knn, svm, l2svm, softmax, rbf, tree, or layers"},
      {"model.pattern", text, "", "instead of a name: [(conv-relu)*2-pool]*3-(fc-relu)*1"},
      {"model.widths", text, "", "channels of the pattern's stages, such as 32,64,128"},
      {"model.fc_widths", text, "", "outputs of the pattern's fc layers, such as 256"},
      {"model.norm", text, "none", "behind the pattern's convolutions: batch, layer, group, ..."},
      {"model.init", text, "", "safetensors file to start from"},
      {"model.from",
       text,
       "",
       "model or ONNX file to fine-tune: its network, preprocessing and weights"},
      {"model.preprocess",
       text,
       "",
       "how pictures become the input of model.from, an ONNX file that does not record it"},
      {"model.head", text, "own", "own, or linear: another head of model.from gives way to one"},
      {"model.freeze", text, "", "paths of modules that stay as they are, between spaces"},
      {"knn.k", integer, "5", "neighbours that vote"},
      {"knn.metric", text, "l2", "l2 or l1"},
      {"knn.search", text, "auto", "exhaustive, tree, or auto: a tree in 8 dimensions or fewer"},
      {"rbf.units", integer, "500", "radial basis functions, before a linear layer"},
      {"tree.depth", integer, "10", "questions of the decision tree to a leaf, at most 16"},
      {"project.kind",
       text,
       "none",
       "before knn, svm, l2svm, softmax, rbf or tree: pca, random, none"},
      {"project.dims", integer, "0", "dimensions the projection keeps"},
      {"project.whiten", boolean, "false", "divide them by their standard deviations, of pca"},
      {"train.epochs", integer, "10", "passes over the training data"},
      {"train.head_epochs",
       integer,
       "0",
       "first epochs that train only what model.from lacks, or else its head"},
      {"train.batch", integer, "128", "pictures per step"},
      {"train.max_seconds", number, "0", "stop training after this long; 0 never"},
      {"train.loss", text, "cross_entropy", "cross_entropy, focal, hinge or squared_hinge"},
      {"train.focal_gamma",
       number,
       default_focal_gamma,
       "how far the focal loss passes over what is right already"},
      {"train.class_weights",
       text,
       "none",
       "none, balanced, effective, or a weight of each class in the loss: 1,14"},
      {"train.label_smoothing", number, "0", "share of the target spread over all classes"},
      {"train.clip_norm", number, "0", "largest norm of the gradient; 0 does not clip"},
      {"train.ema", number, "0", "decay of the averaged weights that are judged and saved; 0 none"},
      {"train.patience", integer, "0", "stop after so many epochs without a better one; 0 never"},
      {"train.save_steps", integer, "0", "checkpoint every so many steps as well as every epoch"},
      {"train.snapshots",
       integer,
       "0",
       "models kept along the way, for `fovea ensemble`; see schedule.cycles of cosine"},
      {"train.looks", integer, "24", "looks at the layers for the report, over the run; 0 none"},
      {"regularize.on",
       text,
       "*",
       "names of the weights that l1, l2, max_norm, drop_connect and weight_noise act on: fc*"},
      {"regularize.l1", number, "0", "times the sum of |w|, added to the loss"},
      {"regularize.l2", number, "0", "times the sum of w^2, added to the loss; see weight_decay"},
      {"regularize.max_norm", number, "0", "largest norm of a unit's weights; 0: any"},
      {"regularize.drop_connect", number, "0", "share of the weights that each step leaves out"},
      {"regularize.weight_noise", number, "0", "standard deviation, of normal noise in each step"},
      {"regularize.input_noise", number, "0", "the same on the normalised pictures"},
      {"regularize.gradient_noise", number, "0", "eta: the variance is eta / (1 + step)^0.55"},
      {"regularize.mixup", number, "0", "alpha of MixUp: pictures and labels in pairs; 0 does not"},
      {"regularize.cutmix", number, "0", "alpha of CutMix; with both, each batch draws one"},
      {"report.loss_surface",
       boolean,
       "false",
       "map the loss around the model and along the way of the training, for the report"},
      {"optimizer.name", text, "adamw", "its options follow it: `fovea train --list optimizers`"},
      {"schedule.name", text, "one_cycle", "its options follow it: `fovea train --list schedules`"},
  };
  return keys;
}

namespace {

std::optional<std::vector<ItemOption>> layer_options(std::string_view type) {
  const auto& types = models::layer_types();
  const auto known = std::ranges::find(types, type, &models::LayerType::name);
  if (known == types.end()) return {};
  std::vector<ItemOption> options;
  for (const models::LayerOption& o : known->options) options.push_back({o.name, o.whole});
  return options;
}

std::optional<std::vector<ItemOption>> augment_options(std::string_view type) {
  const auto& steps = image::step_table();
  const auto known = std::ranges::find(steps, type, &image::StepInfo::name);
  if (known == steps.end()) return {};
  std::vector<ItemOption> options;
  for (const image::StepParameter& p : known->parameters) options.push_back({p.name, p.integer});
  return options;
}

}  // namespace

Config recipe_config() {
  return Config(
      recipe_keys(),
      {"optimizer.", "schedule.", "search.*"},
      {{"model.layers", layer_options}, {"augment", augment_options}});
}

namespace {

Determinism determinism_of(const std::string& name) {
  if (name == "usual") return Determinism::usual;
  if (name == "strict") return Determinism::strict;
  throw std::invalid_argument(
      fmt::format("run.determinism: expected usual or strict, got \"{}\"", name));
}

double number_of(const Item& item, const std::string& name, const std::string& text) {
  if (text == "true") return 1;
  if (text == "false") return 0;
  const auto value = parse_number<double>(text);
  if (!value)
    throw std::invalid_argument(fmt::format(
        "[[augment]] {}: expected a number for \"{}\", got \"{}\"", item.type, name, text));
  return *value;
}

image::Augment augment_of(const std::vector<Item>& items) {
  std::vector<image::Step> steps;
  for (const Item& item : items) {
    std::map<std::string, double> parameters;
    for (const auto& [name, text] : item.options) parameters[name] = number_of(item, name, text);
    steps.push_back(image::make_step(item.type, parameters));
  }
  return image::Augment(std::move(steps));
}

int64_t at_least(const Config& c, const std::string& key, int64_t least) {
  int64_t value = c.integer(key);
  if (value < least)
    throw std::invalid_argument(
        fmt::format("{}: expected {} of at least {}, got {}", c.origin(key), key, least, value));
  return value;
}

double within(const Config& c, const std::string& key, double lo, double hi) {
  double value = c.number(key);
  if (!(value >= lo && value <= hi))
    throw std::invalid_argument(
        fmt::format("{}: expected {} from {} to {}, got {}", c.origin(key), key, lo, hi, value));
  return value;
}

std::string one_of(const Config& c, const std::string& key, std::vector<std::string> known) {
  std::string value = c.text(key), list;
  for (const std::string& k : known) {
    if (k == value) return value;
    list += (list.empty() ? "" : ", ") + k;
  }
  throw std::invalid_argument(
      fmt::format("{}: expected {} to be one of {}, got \"{}\"", c.origin(key), key, list, value));
}

// "32,64" -> {32, 64}; an empty text gives none.
template <class T>
std::vector<T> numbers(const Config& c, const std::string& key) {
  const std::string text = c.text(key);
  if (auto list = parse_numbers<T>(text)) return *list;
  throw std::invalid_argument(fmt::format(
      "{}: expected {} as numbers with commas between, got \"{}\"", c.origin(key), key, text));
}

ClassWeighting weighting_of(const Config& c) {
  const std::string text = c.text("train.class_weights");
  if (text == "none") return ClassWeighting::none;
  if (text == "balanced") return ClassWeighting::balanced;
  if (text == "effective") return ClassWeighting::effective;
  if (!text.empty() && (std::isdigit(uint8_t(text[0])) || text[0] == '-' || text[0] == '.'))
    return ClassWeighting::given;
  throw std::invalid_argument(fmt::format(
      "{}: expected train.class_weights to be none, balanced, effective or numbers with commas "
      "between, got \"{}\"",
      c.origin("train.class_weights"),
      text));
}

// What the settings of the loss and the sampler say to each other.
void check_loss(const Recipe& r, const Config& c) {
  if (!r.focal_gamma && c.text("train.focal_gamma") != default_focal_gamma)
    throw std::invalid_argument(fmt::format(
        "{}: train.focal_gamma belongs to train.loss = \"focal\"", c.origin("train.focal_gamma")));
  if (r.focal_gamma && r.label_smoothing > 0)
    throw std::invalid_argument(
        "train.loss = \"focal\" takes no train.label_smoothing: set one of them");
  if (r.hinge != Hinge::none && (r.label_smoothing > 0 || r.weighting != ClassWeighting::none))
    throw std::invalid_argument(
        "the hinge loss takes neither train.label_smoothing nor train.class_weights");
  const bool by_counts =
      r.weighting == ClassWeighting::balanced || r.weighting == ClassWeighting::effective;
  if (r.balance && by_counts)
    throw std::invalid_argument(
        "data.sampler = \"weighted\" makes the classes equal already: without "
        "train.class_weights, please");
  double total = 0;
  for (double w : r.class_weights) {
    if (!(w >= 0 && w <= 1e9))
      throw std::invalid_argument(fmt::format(
          "{}: expected train.class_weights of at least 0, got {}",
          c.origin("train.class_weights"),
          w));
    total += w;
  }
  if (r.weighting == ClassWeighting::given && total == 0)
    throw std::invalid_argument(fmt::format(
        "{}: expected a weight above 0 in train.class_weights", c.origin("train.class_weights")));
}

// Hues are those of the pictures only where no channel was scaled by its own numbers.
void check_colours(const Recipe& r, const Config& c) {
  const std::string layer = models::reads_colours(r.layers);
  if (!layer.empty() && r.normalize != "none")
    throw std::invalid_argument(fmt::format(
        "{}: the layer {} reads colours as they are: set data.normalize = \"none\"",
        c.origin("data.normalize"),
        layer));
}

// A layer that is fitted before the first step must see what it will see after the last one: what
// comes before it does not learn, or is frozen.
void check_fitted(const Recipe& r, const Config& c) {
  for (size_t i = 0; i < r.layers.size(); ++i) {
    if (!models::is_fitted(r.layers[i])) continue;
    for (size_t before = 0; before < i; ++before) {
      const std::string path = std::to_string(before);
      if (!models::learns_by_steps(r.layers[before]) ||
          std::ranges::find(r.freeze, path) != r.freeze.end())
        continue;
      throw std::invalid_argument(fmt::format(
          "{}: layer {} ({}) is fitted once, before the first step, to what layer {} ({}) gives, "
          "which would then learn on and give something else: move it behind layer {}, or keep it "
          "as it begins with model.freeze = \"{}\" (and weights of model.init)",
          c.origin("model.layers"),
          i,
          r.layers[i].type,
          path,
          r.layers[before].type,
          i,
          path));
    }
  }
}

// The settings of a classical method, where model.name is one.
std::optional<models::ClassicOptions> classic_of(const Config& c) {
  const std::string name = c.text("model.name"), metric = one_of(c, "knn.metric", {"l2", "l1"});
  const std::string search = one_of(c, "knn.search", {"auto", "exhaustive", "tree"});
  const std::string projection = one_of(c, "project.kind", {"none", "pca", "random"});
  const int64_t k = at_least(c, "knn.k", 1), dims = at_least(c, "project.dims", 0);
  const bool classic = models::is_classic(name), whiten = c.boolean("project.whiten");
  auto belongs = [&](std::string_view key, const std::string& other) {
    throw std::invalid_argument(
        fmt::format("{}: {} belongs to {}", c.origin(std::string(key)), key, other));
  };
  for (const std::string method : {"knn", "rbf", "tree"})
    for (const KeyInfo& key : recipe_keys())
      if (name != method && key.key.starts_with(method + ".") &&
          c.text(std::string(key.key)) != key.fallback)
        belongs(key.key, fmt::format("model.name = \"{}\"", method));
  if (!classic && projection != "none")
    belongs("project.kind", "model.name = knn, svm, l2svm, softmax, rbf or tree");
  if (projection == "none" && dims > 0) belongs("project.dims", "project.kind, which is none");
  if (projection != "pca" && whiten) belongs("project.whiten", "project.kind = \"pca\"");
  if (projection != "none" && dims == 0)
    throw std::invalid_argument(fmt::format(
        "{}: expected project.dims to say how many dimensions are kept", c.origin("project.kind")));
  if (!classic) return {};
  return models::ClassicOptions{
      .method = name,
      .k = k,
      .metric = metric,
      .search = search,
      .projection = projection,
      .dims = dims,
      .whiten = whiten,
      .units = at_least(c, "rbf.units", 1),
      .depth = int64_t(within(c, "tree.depth", 1, 16))};
}

// A support vector machine is what is trained with the hinge loss.
Hinge hinge_of(const Config& c) {
  const std::string loss = c.text("train.loss"), model = c.text("model.name");
  const std::string own = model == "svm" ? "hinge" : model == "l2svm" ? "squared_hinge" : "";
  if (models::is_classic(model) && model != "rbf" && loss != "cross_entropy" && loss != own)
    throw std::invalid_argument(fmt::format(
        "{}: model.name = \"{}\" has a loss of its own; leave train.loss out, or take "
        "model.name = \"linear\"",
        c.origin("train.loss"),
        model));
  const std::string& name = own.empty() ? loss : own;
  return name == "hinge" ? Hinge::plain : name == "squared_hinge" ? Hinge::squared : Hinge::none;
}

// The pattern's mistakes are found before any data is read.
void check_pattern(const Recipe& r, const Config& c) {
  if (r.pattern.empty()) {
    for (const char* key : {"model.widths", "model.fc_widths", "model.norm"})
      if (const std::string value = c.text(key); !value.empty() && value != "none")
        throw std::invalid_argument(
            fmt::format("{}: {} belongs to model.pattern, which is not set", c.origin(key), key));
    return;
  }
  if (!r.layers.empty() || r.model != "layers")
    throw std::invalid_argument(fmt::format(
        "{}: expected one of model.name, model.pattern and [[model.layers]], got {}",
        c.origin("model.pattern"),
        r.layers.empty() ? "a name and a pattern" : "a pattern and layers"));
  try {
    models::expand_pattern(r.pattern, r.pattern_options);
  } catch (const std::invalid_argument& e) {
    throw std::invalid_argument(fmt::format("{}: {}", c.origin("model.pattern"), e.what()));
  }
}

data::Fold fold_of(const Config& c) {
  const data::Fold fold{
      .number = int(at_least(c, "data.fold", 1)), .of = int(at_least(c, "data.folds", 0))};
  if (fold.of == 1)
    throw std::invalid_argument(fmt::format(
        "{}: expected data.folds of 0 (none) or at least 2, got 1", c.origin("data.folds")));
  if (fold.number > std::max(fold.of, 1))
    throw std::invalid_argument(fmt::format(
        "{}: expected data.fold of at most data.folds = {}, got {}",
        c.origin("data.fold"),
        fold.of,
        fold.number));
  return fold;
}

// The settings under `prefix`, all of them options of the method they name. An unknown name is left
// to whoever makes the method.
std::map<std::string, std::string> method_of(
    const Config& c, const std::string& prefix, const std::vector<optim::MethodInfo>& table) {
  auto settings = c.under(prefix);
  auto method = std::ranges::find(table, settings.at("name"), &optim::MethodInfo::name);
  if (method == table.end()) return settings;
  std::vector<std::string> options, known{prefix + "name"};
  for (const optim::OptionInfo& o : method->options) {
    options.push_back(o.name);
    known.push_back(prefix + o.name);
  }
  for (const auto& item : settings) {
    std::string key = prefix + item.first;
    if (std::ranges::find(known, key) == known.end())
      throw std::invalid_argument(fmt::format(
          "{}: unknown key \"{}\", {} takes {}{}",
          c.origin(key),
          key,
          method->name,
          fmt::join(options, ", "),
          did_you_mean(key, known)));
  }
  return settings;
}

Regularization regularization_of(const Config& c) {
  auto number = [&](const std::string& key, double most = 1e9) {
    return within(c, "regularize." + key, 0, most);
  };
  Regularization r{
      .on = c.text("regularize.on"),
      .l1 = number("l1"),
      .l2 = number("l2"),
      .max_norm = number("max_norm"),
      .drop_connect = number("drop_connect", 0.999),
      .input_noise = number("input_noise"),
      .weight_noise = number("weight_noise"),
      .gradient_noise = number("gradient_noise"),
      .mix = {.mixup = number("mixup"), .cutmix = number("cutmix")}};
  if (r.on != "*" && !r.acts_on_weights())
    throw std::invalid_argument(fmt::format(
        "{}: regularize.on says which weights regularize.l1, l2, max_norm, drop_connect and "
        "weight_noise act on, and none of them is set",
        c.origin("regularize.on")));
  return r;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

}  // namespace

Recipe::Recipe(const Config& c)
    : name(c.text("run.name")),
      folder(c.text("run.folder")),
      seed(uint64_t(at_least(c, "run.seed", 0))),
      threads(int(at_least(c, "run.threads", 0))),
      determinism(determinism_of(c.text("run.determinism"))),
      doctor(c.boolean("run.doctor")),
      source(c.text("data.source")),
      val_share(within(c, "data.val", 0, 0.9)),
      fold(fold_of(c)),
      limit(at_least(c, "data.limit", 0)),
      channels(int(at_least(c, "data.channels", 0))),
      height(int(at_least(c, "data.height", 0))),
      width(int(at_least(c, "data.width", 0))),
      resize(one_of(c, "data.resize", {"auto", "none", "stretch", "short_side"})),
      normalize(one_of(c, "data.normalize", {"auto", "none"})),
      workers(int(at_least(c, "data.workers", 0))),
      cache_bytes(at_least(c, "data.cache_mb", 0) << 20),
      max_corrupt(within(c, "data.max_corrupt", 0, 1)),
      allow_missing_classes(c.boolean("data.allow_missing_classes")),
      balance(one_of(c, "data.sampler", {"shuffle", "weighted"}) == "weighted"),
      model(c.text("model.name")),
      pattern(c.text("model.pattern")),
      pattern_options{
          .widths = numbers<int>(c, "model.widths"),
          .fc_widths = numbers<int>(c, "model.fc_widths"),
          .norm = c.text("model.norm")},
      init(c.text("model.init")),
      from(c.text("model.from")),
      from_preprocess(c.text("model.preprocess")),
      linear_head(one_of(c, "model.head", {"own", "linear"}) == "linear"),
      freeze(words_of(c.text("model.freeze"))),
      epochs(int(at_least(c, "train.epochs", 1))),
      head_epochs(int(at_least(c, "train.head_epochs", 0))),
      batch(at_least(c, "train.batch", 1)),
      max_seconds(within(c, "train.max_seconds", 0, 1e9)),
      label_smoothing(within(c, "train.label_smoothing", 0, 1)),
      weighting(weighting_of(c)),
      clip_norm(within(c, "train.clip_norm", 0, 1e9)),
      ema(within(c, "train.ema", 0, 1)),
      patience(int(at_least(c, "train.patience", 0))),
      regularization(regularization_of(c)),
      save_steps(at_least(c, "train.save_steps", 0)),
      snapshots(int(at_least(c, "train.snapshots", 0))),
      looks(int(at_least(c, "train.looks", 0))),
      loss_surface(c.boolean("report.loss_surface")),
      optimizer(method_of(c, "optimizer.", optim::optimizer_table())),
      schedule(method_of(c, "schedule.", optim::schedule_table())),
      augment(augment_of(c.list("augment"))) {
  if (channels != 0 && channels != 1 && channels != 3)
    throw std::invalid_argument(fmt::format(
        "{}: expected data.channels of 0, 1 or 3, got {}", c.origin("data.channels"), channels));
  if (snapshots > epochs)
    throw std::invalid_argument(fmt::format(
        "{}: expected train.snapshots of at most train.epochs = {}, got {}",
        c.origin("train.snapshots"),
        epochs,
        snapshots));
  if (loss_surface && snapshots == 0) snapshots = std::min(epochs, most_path_snapshots);
  if (from.empty() && (linear_head || head_epochs > 0))
    throw std::invalid_argument(
        "model.head and train.head_epochs are for models that begin from another: give model.from");
  if (from.empty() && !from_preprocess.empty())
    throw std::invalid_argument("model.preprocess is for an ONNX file as model.from: give that");
  // The recipe that a run keeps lists every setting, the default name too.
  if (!from.empty() && (model != default_model || !init.empty() || !c.list("model.layers").empty()))
    throw std::invalid_argument(
        "model.from brings its own network: give neither model.name, model.init nor layers");
  for (const Item& item : c.list("model.layers")) layers.push_back({item.type, item.options});
  if ((!layers.empty() || !pattern.empty()) && model == default_model) model = "layers";
  check_colours(*this, c);
  check_fitted(*this, c);
  const std::string method = model;
  classic = classic_of(c);
  if (classic && (!layers.empty() || !pattern.empty()))
    throw std::invalid_argument(fmt::format(
        "model.name = \"{}\" has its own layers: give no others, and no pattern", model));
  if (classic) model = "layers";
  check_pattern(*this, c);
  const auto losses = {"cross_entropy", "focal", "hinge", "squared_hinge"};
  if (one_of(c, "train.loss", {losses.begin(), losses.end()}) == "focal")
    focal_gamma = within(c, "train.focal_gamma", 0, 100);
  hinge = hinge_of(c);
  if (weighting == ClassWeighting::given) class_weights = numbers<double>(c, "train.class_weights");
  check_loss(*this, c);
  if (layers.empty() && pattern.empty() && !classic && model == "layers")
    throw std::invalid_argument(
        "model.name is \"layers\", but the recipe has no [[model.layers]] and no model.pattern");
  if (name.empty()) {
    std::string data = source.substr(0, source.find_last_not_of('/') + 1);
    data = data.substr(data.find_last_of('/') + 1);
    name = (from.empty() ? method : "finetuned") + "-" + data.substr(0, data.find('.'));
  }
}

bool Recipe::learns_by_steps() const {
  if (classic) return classic->method != "knn" && classic->method != "tree";
  return layers.empty() || std::ranges::any_of(layers, models::learns_by_steps);
}

}  // namespace fovea::train
