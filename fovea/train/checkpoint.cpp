#include "fovea/train/checkpoint.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/formats/safetensors_tree.h"

namespace fovea::train {

void save_checkpoint(const std::string& path, const Checkpoint& c) {
  nlohmann::ordered_json j{
      {"format", 1},
      {"epoch", c.epoch},
      {"batch", c.batch},
      {"step", c.step},
      {"seconds", c.seconds},
      {"best", c.best},
      {"running", c.running},
      {"schedule", c.schedule},
      {"threads", c.threads},
      {"arithmetic", c.arithmetic},
      {"data", c.data},
      {"version", c.version}};
  formats::save_safetensors(path, c.tensors, {{"fovea_checkpoint", j.dump()}});
}

Checkpoint load_checkpoint(const std::string& path) {
  auto [tree, metadata] = formats::load_safetensors(path);
  auto document = metadata.find("fovea_checkpoint");
  if (document == metadata.end())
    throw IoError(path, "not a checkpoint of a run; `fovea predict` takes models as they are");
  Checkpoint c;
  try {
    auto j = nlohmann::json::parse(document->second);
    c.epoch = j.at("epoch").get<int64_t>();
    c.batch = j.at("batch").get<int64_t>();
    c.step = j.at("step").get<int64_t>();
    c.seconds = j.at("seconds").get<double>();
    c.best = j.at("best").get<double>();
    c.running = j.at("running").get<std::map<std::string, double>>();
    c.schedule = j.at("schedule").get<std::map<std::string, double>>();
    c.threads = j.at("threads").get<int>();
    c.arithmetic = j.at("arithmetic").get<std::string>();
    c.data = j.at("data").get<std::string>();
    c.version = j.at("version").get<std::string>();
  } catch (const nlohmann::json::exception& e) {
    throw IoError(path, fmt::format("not the checkpoint of this version: {}", e.what()));
  }
  c.tensors = std::move(tree);
  return c;
}

}  // namespace fovea::train
