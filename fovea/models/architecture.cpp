#include "fovea/models/architecture.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/base64.h"
#include "fovea/models/ensemble.h"
#include "fovea/models/layers.h"
#include "fovea/models/registry.h"

namespace fovea::models {

namespace {

std::unique_ptr<nn::Module> network_of(const Architecture& a) {
  if (a.name == "ensemble") return build_ensemble(a);
  if (a.name == "onnx") return build_onnx(a);
  if (a.name == "layers") return build_layers(a.layers, a.input);
  return find(a.name).make({.classes = a.classes, .input = a.input, .linear_head = a.linear_head});
}

bool is_in_table(const std::string& name) {
  return std::ranges::find(all(), name, &Entry::name) != all().end();
}

}  // namespace

std::unique_ptr<nn::Module> build(const Architecture& a) {
  if (a.input.rank() != 3 || a.classes < 1)
    throw std::invalid_argument(fmt::format(
        "[build] expected an input (H, W, C) and at least one class, got {} and {}",
        a.input.str(),
        a.classes));
  std::unique_ptr<nn::Module> net = network_of(a);
  const Shape scores = scores_shape(*net, a.input);
  const bool maps = scores.rank() == 4 && scores[3] == a.classes && is_in_table(a.name);
  if (!maps && !(scores == Shape{1, a.classes}))
    throw std::invalid_argument(fmt::format(
        "[{}] expected scores (N, {}), one per class, got {}{}",
        a.name,
        a.classes,
        scores.str(),
        a.name == "layers" ? fmt::format("; end with a linear layer with out = {}", a.classes)
                           : ""));
  return net;
}

Shape scores_shape(const nn::Module& net, const Shape& input) {
  nn::Ctx ctx;
  return nn::forward(net, nn::shaped({1, input[0], input[1], input[2]}), ctx).shape();
}

void check_classifies(const nn::Module& net, const Architecture& a) {
  if (scores_shape(net, a.input).rank() != 2)
    throw std::invalid_argument(fmt::format(
        "{} gives scores for each pixel, for segmentation; expected a network that gives one class "
        "to a picture",
        a.name));
}

std::string to_json(const Architecture& a) {
  nlohmann::ordered_json j;
  j["name"] = a.name;
  j["input"] = std::vector<int64_t>(a.input.begin(), a.input.end());
  j["classes"] = a.classes;
  if (a.linear_head) j["linear_head"] = true;
  if (!a.layers.empty()) j["layers"] = nlohmann::ordered_json::array();
  for (const LayerSpec& layer : a.layers) {
    nlohmann::ordered_json entry{{"type", layer.type}};
    for (const auto& [name, value] : layer.options) entry[name] = value;
    j["layers"].push_back(std::move(entry));
  }
  for (const Architecture& member : a.members)
    j["members"].push_back(nlohmann::ordered_json::parse(to_json(member)));
  if (!a.graph.empty()) j["graph"] = base64(std::as_bytes(std::span(a.graph)));
  return j.dump();
}

Architecture architecture_from_json(std::string_view text) {
  try {
    auto j = nlohmann::json::parse(text);
    Architecture a;
    a.name = j.at("name").get<std::string>();
    auto input = j.at("input").get<std::vector<int64_t>>();
    for (int64_t side : input)
      if (side < 1 || side > (1 << 20)) throw std::invalid_argument("input sides out of range");
    a.input = Shape(input);
    a.classes = j.at("classes").get<int64_t>();
    if (a.classes < 1 || a.classes > (1 << 24)) throw std::invalid_argument("classes out of range");
    a.linear_head = j.value("linear_head", false);
    for (const auto& entry : j.value("layers", nlohmann::json::array())) {
      LayerSpec layer;
      for (const auto& [name, value] : entry.items()) {
        if (name == "type")
          layer.type = value.get<std::string>();
        else
          layer.options[name] = value.get<std::string>();
      }
      a.layers.push_back(std::move(layer));
    }
    for (const auto& member : j.value("members", nlohmann::json::array())) {
      if (member.contains("members")) throw std::invalid_argument(ensemble_in_ensemble);
      a.members.push_back(architecture_from_json(member.dump()));
    }
    a.graph = from_base64(j.value("graph", ""));
    return a;
  } catch (const nlohmann::json::exception& e) {
    throw std::invalid_argument(fmt::format("[architecture] not the expected JSON: {}", e.what()));
  }
}

}  // namespace fovea::models
