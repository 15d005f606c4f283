#include "fovea/train/recipe.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/text.h"
#include "fovea/optim/factory.h"

namespace fovea::train {

namespace {

// Also what model.name says where a recipe has layers or a pattern and names none.
constexpr std::string_view default_model = "convnet";
constexpr std::string_view default_focal_gamma = "2";

}  // namespace

std::span<const KeyInfo> recipe_keys() {
  using enum ValueType;
  static const KeyInfo keys[] = {
      {"run.name", text, "", "name of the run; made from model and data where empty"},
      {"run.folder", text, "runs", "folder that holds the runs"},
      {"run.seed", integer, "1", "seed of weights, order and augmentation"},
      {"run.threads", integer, "0", "threads of the kernels; 0 uses all processors"},
      {"run.determinism", text, "usual", "usual, or strict: the same bits for any run.threads"},
      {"data.source", text, "digits", "digits, a folder, an archive, or train=A,test=B"},
      {"data.val", number, "0.1", "share of the training data kept for validation"},
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
       "a model of `fovea models`, or layers for [[model.layers]]"},
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
      {"train.epochs", integer, "10", "passes over the training data"},
      {"train.head_epochs", integer, "0", "first epochs that train only what model.from lacks"},
      {"train.batch", integer, "128", "pictures per step"},
      {"train.max_seconds", number, "0", "stop training after this long; 0 never"},
      {"train.loss", text, "cross_entropy", "cross_entropy or focal"},
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
      {"train.save_steps", integer, "0", "checkpoint every so many steps as well as every epoch"},
      {"train.snapshots",
       integer,
       "0",
       "models kept along the way, for `fovea ensemble`; see schedule.cycles of cosine"},
      {"optimizer.name", text, "adamw", "its options follow it: `fovea train --list optimizers`"},
      {"schedule.name", text, "one_cycle", "its options follow it: `fovea train --list schedules`"},
  };
  return keys;
}

Config recipe_config() {
  return Config(recipe_keys(), {"optimizer.", "schedule."}, {"model.layers", "augment"});
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
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw std::invalid_argument(fmt::format(
        "[[augment]] {}: expected a number for \"{}\", got \"{}\"", item.type, name, text));
  return value;
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
  std::vector<T> list;
  const char *at = text.data(), *end = at + text.size();
  while (at != end) {
    T n = 0;
    auto [rest, error] = std::from_chars(at, end, n);
    if (error != std::errc() || (rest != end && (*rest != ',' || rest + 1 == end)))
      throw std::invalid_argument(fmt::format(
          "{}: expected {} as numbers with commas between, got \"{}\"", c.origin(key), key, text));
    list.push_back(n);
    at = rest == end ? end : rest + 1;
  }
  return list;
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
      source(c.text("data.source")),
      val_share(within(c, "data.val", 0, 0.9)),
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
      save_steps(at_least(c, "train.save_steps", 0)),
      snapshots(int(at_least(c, "train.snapshots", 0))),
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
  if (from.empty() && (linear_head || head_epochs > 0))
    throw std::invalid_argument(
        "model.head and train.head_epochs are for models that begin from another: give model.from");
  if (from.empty() && !from_preprocess.empty())
    throw std::invalid_argument("model.preprocess is for an ONNX file as model.from: give that");
  // The recipe that a run keeps lists every setting, the default name too.
  const bool named = c.is_set("model.name") && model != default_model;
  if (!from.empty() && (named || !init.empty() || !c.list("model.layers").empty()))
    throw std::invalid_argument(
        "model.from brings its own network: give neither model.name, model.init nor layers");
  for (const Item& item : c.list("model.layers")) layers.push_back({item.type, item.options});
  if ((!layers.empty() || !pattern.empty()) && model == default_model) model = "layers";
  check_pattern(*this, c);
  if (one_of(c, "train.loss", {"cross_entropy", "focal"}) == "focal")
    focal_gamma = within(c, "train.focal_gamma", 0, 100);
  if (weighting == ClassWeighting::given) class_weights = numbers<double>(c, "train.class_weights");
  check_loss(*this, c);
  if (layers.empty() && pattern.empty() && model == "layers")
    throw std::invalid_argument(
        "model.name is \"layers\", but the recipe has no [[model.layers]] and no model.pattern");
  if (name.empty()) {
    std::string data = source.substr(0, source.find_last_not_of('/') + 1);
    data = data.substr(data.find_last_of('/') + 1);
    name = (from.empty() ? model : "finetuned") + "-" + data.substr(0, data.find('.'));
  }
}

}  // namespace fovea::train
