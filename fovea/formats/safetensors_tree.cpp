#include "fovea/formats/safetensors_tree.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"

namespace fovea::formats {

namespace {

namespace fs = std::filesystem;

using WeightMap = std::map<std::string, std::string>;  // tensor -> file

Tensor read(const TensorView& view) {
  return Tensor::from_bytes(view.bytes, view.shape, view.dtype);
}

WeightMap read_index(const fs::path& path) {
  MappedFile file(path);
  const auto* text = reinterpret_cast<const char*>(file.bytes().data());
  auto json = nlohmann::json::parse(text, text + file.bytes().size(), nullptr, false);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    throw IoError(
        file.path(), "expected a JSON object with a weight_map, the index of a sharded set");
  WeightMap map;
  for (const auto& [tensor, shard] : json["weight_map"].items()) {
    if (!shard.is_string()) throw IoError(file.path(), "expected file names in the weight_map");
    auto name = shard.get<std::string>();
    if (name.empty() || fs::path(name).filename() != name || name == "." || name == "..")
      throw IoError(
          file.path(),
          fmt::format("expected shards in the same folder, tensor '{}' is in '{}'", tensor, name));
    map.emplace(tensor, name);
  }
  return map;
}

SavedTree load_sharded(const fs::path& path) {
  WeightMap map = read_index(path);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map) shards.insert(shard);

  SavedTree saved;
  for (const std::string& shard : shards) {
    auto file = SafetensorsFile::open(path.parent_path() / shard);
    saved.metadata.insert(file.metadata().begin(), file.metadata().end());
    for (const auto& [name, view] : file.tensors()) {
      auto listed = map.find(name);
      if (listed == map.end() || listed->second != shard)
        throw IoError(
            path.string(),
            fmt::format(
                "{} holds tensor '{}', which the weight_map does not put there", shard, name));
      saved.tensors.emplace(name, read(view));
    }
  }
  for (const auto& [tensor, shard] : map)
    if (!saved.tensors.contains(tensor))
      throw IoError(path.string(), fmt::format("{} does not hold tensor '{}'", shard, tensor));
  return saved;
}

}  // namespace

SavedTree load_safetensors(const fs::path& path) {
  if (path.string().ends_with(".index.json")) return load_sharded(path);
  auto file = SafetensorsFile::open(path);
  SavedTree saved{{}, file.metadata()};
  for (const auto& [name, view] : file.tensors()) saved.tensors.emplace(name, read(view));
  return saved;
}

void save_safetensors(const fs::path& path, const Tree& tensors, const Metadata& metadata) {
  eval(values_of(tensors));
  std::vector<NamedTensorView> views;
  for (const auto& [name, tensor] : tensors)
    views.push_back({name, {tensor.dtype(), tensor.shape(), tensor.bytes()}});
  write_safetensors(path, views, metadata);
}

}  // namespace fovea::formats
