#include "fovea/models/model_file.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/core/version.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/formats/torch_file.h"
#include "fovea/ops/join.h"
#include "fovea/ops/slice.h"

namespace fovea::models {

Tensor Model::scores(const Tensor& batch) const {
  nn::Ctx ctx;
  return scores(batch, ctx);
}

Tensor Model::scores(const Tensor& batch, nn::Ctx& ctx) const {
  preprocess.check_input(batch);
  auto forward = [&](const Tensor& x) {
    Tensor scores = nn::forward(*net, x, ctx);
    check_rows(scores, x.dim(0));
    return scores;
  };
  if (!one_by_one) return forward(batch);
  std::vector<Tensor> each;
  for (int64_t i = 0; i < batch.dim(0); ++i)
    each.push_back(forward(slice(batch, 0, {.start = i, .stop = i + 1})));
  return concat(each, 0);
}

void check_rows(const Tensor& rows, int64_t pictures) {
  if (rows.rank() > 0 && rows.dim(0) == pictures) return;
  throw std::invalid_argument(fmt::format(
      "[model] expected a row for each of {}, got {}; the graph fixes the number of pictures "
      "inside: export it with a free batch",
      counted(pictures, "picture"),
      rows.shape().str()));
}

std::vector<std::string> numbered_classes(int64_t n) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < n; ++i) names.push_back(fmt::format("class_{}", i));
  return names;
}

void save_model(const std::string& path, Model& model) {
  // The header of a safetensors file, which holds it as base64, has at most 100 MB.
  constexpr size_t most = 64 << 20;
  if (model.architecture.graph.size() > most)
    throw std::invalid_argument(fmt::format(
        "{}: expected a graph of at most {} bytes without its weights, got {}",
        path,
        most,
        model.architecture.graph.size()));
  nlohmann::ordered_json j;
  j["format"] = 1;
  j["architecture"] = nlohmann::ordered_json::parse(to_json(model.architecture));
  j["preprocess"] = nlohmann::ordered_json::parse(model.preprocess.to_json());
  j["classes"] = model.classes;
  j["data"] = model.data_fingerprint;
  j["metrics"] = model.metrics;
  j["licence"] = model.licence;
  j["version"] = version();
  if (model.one_by_one) j["one_by_one"] = true;
  if (!model.head_input.empty()) j["head_input"] = model.head_input;
  formats::save_safetensors(
      path, nn::export_tree(*model.net), {{"format", "pt"}, {"fovea", j.dump()}});
}

namespace {

formats::SavedTree file_of(const std::string& path) {
  try {
    return formats::load_safetensors(path);
  } catch (const IoError& e) {
    if (!std::filesystem::is_regular_file(path)) throw;
    std::array<char, 4> first{};
    std::ifstream(path, std::ios::binary).read(first.data(), first.size());
    if (formats::may_be_torch(std::as_bytes(std::span(first))))
      throw IoError(
          path,
          fmt::format(
              "expected a fovea model (.safetensors), got what may be a checkpoint of PyTorch; "
              "`fovea convert {} {} --model NAME --preprocess NAME` makes a model of one",
              path,
              std::filesystem::path(path).replace_extension(".safetensors").string()));
    std::string why = e.what();
    if (why.starts_with(path + ": ")) why.erase(0, path.size() + 2);
    throw IoError(path, "not a model file (.safetensors of fovea), or cut short: " + why);
  }
}

}  // namespace

Model load_model(const std::string& path) {
  if (lower(path).ends_with(".onnx"))
    throw IoError(
        path,
        "expected a fovea model (.safetensors); `fovea convert` makes one of an ONNX file that "
        "gives the scores of classes");
  if (const auto inside = std::filesystem::path(path) / "model.safetensors";
      std::filesystem::exists(inside))
    throw IoError(
        path,
        fmt::format("expected a model file, got a folder; did you mean \"{}\"?", inside.string()));
  auto [tree, metadata] = file_of(path);
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
    model.one_by_one = j.value("one_by_one", false);
    model.head_input = j.value("head_input", "");
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
