// Files from elsewhere as fovea models.
#include <algorithm>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/formats/torch_file.h"
#include "fovea/hub/pull.h"
#include "fovea/hub/timm_config.h"
#include "fovea/hub/torchvision.h"
#include "fovea/hub/weight_names.h"
#include "fovea/models/registry.h"

namespace fovea::hub {

namespace {

// What is known of a network but for its weights.
struct Description {
  const models::Entry* entry;
  int64_t classes;
  data::Preprocess preprocess;
  std::vector<std::string> names;
  std::string licence;
};

const models::Entry* entry_of(
    const std::string& name, models::Counterpart models::Entry::*library) {
  for (const models::Entry& e : models::all())
    if ((e.*library).model == name) return &e;
  return nullptr;
}

std::vector<std::string> class_names(const TimmConfig& c) {
  if (!c.names.empty()) return c.names;
  if (c.classes == 1000 && c.tag.find("in1k") != c.tag.npos) return imagenet_classes();
  std::vector<std::string> names;
  for (int64_t i = 0; i < c.classes; ++i) names.push_back(fmt::format("class_{}", i));
  return names;
}

// The first extent of the named layers' weights must be the classes, the second the channels.
void check_ends(const TimmConfig& c, const Tree& tree, const std::string& path) {
  auto check = [&](const std::string& layer, int axis, int64_t expected, const char* what) {
    auto it = tree.find(layer + ".weight");
    if (layer.empty() || it == tree.end() || it->second.rank() <= axis) return;
    if (it->second.dim(axis) != expected)
      throw IoError(
          path,
          fmt::format(
              "config.json says {} {}, {}.weight has shape {}",
              expected,
              what,
              layer,
              it->second.shape().str()));
  };
  check(c.classifier, 0, c.classes, "classes");
  check(c.first_conv, 1, c.preprocess.channels, "channels");
}

Description describe(const Pulled& pulled, const Tree& tree) {
  if (pulled.source.torchvision) {
    const auto& row = find_weights(pulled.source.name, pulled.source.revision);
    const models::Entry* e = entry_of(row.model, &models::Entry::torchvision);
    FOVEA_ASSERT(e);
    return {e, e->classes, row.preprocess, imagenet_classes(), ""};
  }
  const auto config = std::ranges::find(pulled.files, "config.json", &PulledFile::name);
  if (config == pulled.files.end())
    throw IoError(
        pulled.files.back().path.string(),
        "these are weights alone, and no config.json says of what; `fovea convert IN OUT --model "
        "NAME` can try a network");
  const TimmConfig c = read_timm_config(config->path);
  const models::Entry* e = entry_of(c.architecture, &models::Entry::timm);
  if (!e)
    throw IoError(
        config->path.string(),
        fmt::format(
            "fovea has no counterpart of timm's {}; `fovea models NAME` says which networks have "
            "one",
            c.architecture));
  check_ends(c, tree, pulled.files.back().path.string());
  return {e, c.classes, c.preprocess, class_names(c), c.licence};
}

}  // namespace

models::Model model_of(const Pulled& pulled) {
  const std::string path = pulled.files.back().path.string();
  const bool torch = !path.ends_with(".safetensors") && !path.ends_with(".safetensors.index.json");
  auto [tree, metadata] = torch ? formats::SavedTree{formats::load_torch(path).tensors, {}}
                                : formats::load_safetensors(path);
  if (metadata.contains("fovea")) return models::load_model(path);
  const Description d = describe(pulled, tree);
  models::Model model;
  const int64_t side = d.preprocess.height;
  model.architecture = {
      .name = std::string(d.entry->name),
      .input = {side, side, d.preprocess.channels},
      .classes = d.classes};
  model.preprocess = d.preprocess;
  model.classes = d.names;
  model.licence = d.licence;
  model.net = models::build(model.architecture);
  nn::initialize(*model.net, Key(1));
  const nn::LoadReport report = nn::load(*model.net, with_our_names(tree), {.strict = false});
  if (!report.complete())
    throw IoError(
        path,
        fmt::format(
            "the weights do not fit {} of `fovea models`: {}", d.entry->name, report.str()));
  return model;
}

}  // namespace fovea::hub
