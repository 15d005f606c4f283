#include "fovea/formats/shards.h"

#include <map>
#include <set>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/formats/mapped_file.h"

namespace fovea::formats {

namespace {

namespace fs = std::filesystem;

using WeightMap = std::map<std::string, std::string>;  // tensor -> file

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

}  // namespace

Tree load_shards(const fs::path& index, const std::function<Tree(const fs::path&)>& read) {
  const WeightMap map = read_index(index);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map) shards.insert(shard);
  Tree all;
  for (const std::string& shard : shards)
    for (const auto& [name, tensor] : read(index.parent_path() / shard)) {
      auto listed = map.find(name);
      if (listed == map.end() || listed->second != shard)
        throw IoError(
            index.string(),
            fmt::format(
                "{} holds tensor '{}', which the weight_map does not put there", shard, name));
      all.emplace(name, tensor);
    }
  for (const auto& [tensor, shard] : map)
    if (!all.contains(tensor))
      throw IoError(index.string(), fmt::format("{} does not hold tensor '{}'", shard, tensor));
  return all;
}

}  // namespace fovea::formats
