#include "fovea/models/architecture.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/models/ensemble.h"
#include "fovea/models/layers.h"
#include "fovea/models/registry.h"

namespace fovea::models {

namespace {

std::unique_ptr<nn::Module> network_of(const Architecture& a) {
  if (a.name == "ensemble") return build_ensemble(a);
  if (a.name == "layers") return build_layers(a.layers, a.input);
  return find(a.name).make({.classes = a.classes, .input = a.input, .linear_head = a.linear_head});
}

}  // namespace

std::unique_ptr<nn::Module> build(const Architecture& a) {
  if (a.input.rank() != 3 || a.classes < 1)
    throw std::invalid_argument(fmt::format(
        "[build] expected an input (H, W, C) and at least one class, got {} and {}",
        a.input.str(),
        a.classes));
  std::unique_ptr<nn::Module> net = network_of(a);
  nn::Ctx ctx;
  Tensor scores = nn::forward(*net, nn::shaped({1, a.input[0], a.input[1], a.input[2]}), ctx);
  if (!(scores.shape() == Shape{1, a.classes}))
    throw std::invalid_argument(fmt::format(
        "[{}] expected scores (N, {}), one per class, got {}{}",
        a.name,
        a.classes,
        scores.shape().str(),
        a.name == "layers" ? fmt::format("; end with a linear layer with out = {}", a.classes)
                           : ""));
  return net;
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
    return a;
  } catch (const nlohmann::json::exception& e) {
    throw std::invalid_argument(fmt::format("[architecture] not the expected JSON: {}", e.what()));
  }
}

}  // namespace fovea::models
