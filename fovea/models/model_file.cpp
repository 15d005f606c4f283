#include "fovea/models/model_file.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/core/version.h"
#include "fovea/formats/safetensors_tree.h"

namespace fovea::models {

Tensor Model::scores(const Tensor& batch) const {
  preprocess.check_input(batch);
  nn::Ctx ctx;
  return nn::forward(*net, batch, ctx);
}

void save_model(const std::string& path, Model& model) {
  nlohmann::ordered_json j;
  j["format"] = 1;
  j["architecture"] = nlohmann::ordered_json::parse(to_json(model.architecture));
  j["preprocess"] = nlohmann::ordered_json::parse(model.preprocess.to_json());
  j["classes"] = model.classes;
  j["data"] = model.data_fingerprint;
  j["metrics"] = model.metrics;
  j["licence"] = model.licence;
  j["version"] = version();
  formats::save_safetensors(
      path, nn::export_tree(*model.net), {{"format", "pt"}, {"fovea", j.dump()}});
}

Model load_model(const std::string& path) {
  auto [tree, metadata] = formats::load_safetensors(path);
  auto document = metadata.find("fovea");
  if (document == metadata.end())
    throw IoError(
        path,
        "these are weights alone, without the description that a fovea model carries; "
        "`fovea train --set model.init=FILE` can start from them");
  Model model;
  try {
    auto j = nlohmann::json::parse(document->second);
    if (j.at("format").get<int>() != 1)
      throw std::invalid_argument("expected format 1; it was written by a newer fovea");
    model.architecture = architecture_from_json(j.at("architecture").dump());
    model.preprocess = data::Preprocess::from_json(j.at("preprocess").dump());
    model.classes = j.at("classes").get<std::vector<std::string>>();
    model.data_fingerprint = j.value("data", "");
    model.metrics = j.value("metrics", std::map<std::string, double>());
    model.licence = j.value("licence", "");
    model.version = j.value("version", "");
    if (int64_t(model.classes.size()) != model.architecture.classes)
      throw std::invalid_argument(fmt::format(
          "expected {} class names, got {}", model.architecture.classes, model.classes.size()));
    model.net = build(model.architecture);
    nn::load(*model.net, tree, {.strip_prefixes = false});
  } catch (const std::exception& e) {
    throw IoError(path, fmt::format("not a whole fovea model: {}", e.what()));
  }
  return model;
}

}  // namespace fovea::models
