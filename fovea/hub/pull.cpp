#include "fovea/hub/pull.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/formats/mapped_file.h"
#include "fovea/hub/torchvision.h"
#include "fovea/models/registry.h"

namespace fovea::hub {

namespace {

constexpr size_t longest_index = 64 << 20;
constexpr size_t longest_list = 50000;  // of the hub; repositories may have more files than that

// "hf://org/name@revision/file". A revision with slashes is written with %2F.
Source parse_repository(std::string rest) {
  Source s;
  auto cut = [](std::string& text, size_t at) {
    std::string tail = at == text.npos ? "" : text.substr(at + 1);
    text.resize(std::min(at, text.size()));
    return tail;
  };
  const size_t slash = rest.find('/');
  if (slash == rest.npos) {
    s.revision = cut(rest, rest.find('@'));
  } else {
    s.file = cut(rest, rest.find('/', slash + 1));
    s.revision = cut(rest, rest.find('@'));
  }
  for (size_t at = 0; (at = s.revision.find("%2F", at)) != s.revision.npos;)
    s.revision.replace(at, 3, "/");
  s.name = rest;
  check_repository(s.name);
  if (!s.revision.empty()) check_revision(s.revision);
  if (!s.file.empty()) check_file_name(s.file);
  return s;
}

Source parse_torchvision(const std::string& rest) {
  const size_t at = rest.find('@');
  Source s{.torchvision = true, .name = rest.substr(0, at), .revision = "", .file = ""};
  if (at != rest.npos) s.revision = rest.substr(at + 1);
  find_weights(s.name, s.revision);
  return s;
}

// timm's names are repositories of the organisation "timm"; a network alone is that of our table.
Source parse_timm(const std::string& rest) {
  for (const models::Entry& e : models::all())
    if (e.timm.model == rest) return parse_repository("timm/" + std::string(e.timm.weights));
  return parse_repository("timm/" + rest);
}

bool has(const std::vector<std::string>& files, const std::string& name) {
  return std::ranges::find(files, name) != files.end();
}

// The shards that an index names.
std::set<std::string> shards_of(const std::filesystem::path& index) {
  const formats::MappedFile file(index);
  try {
    if (file.bytes().size() > longest_index)
      throw std::invalid_argument(fmt::format("expected at most {} bytes", longest_index));
    const auto* text = reinterpret_cast<const char*>(file.bytes().data());
    const auto j = nlohmann::json::parse(text, text + file.bytes().size());
    std::set<std::string> names;
    for (const auto& [tensor, name] : j.at("weight_map").items()) {
      names.insert(name.get<std::string>());
      check_file_name(name.get<std::string>());
    }
    return names;
  } catch (const std::exception& e) {
    throw IoError(
        index.string(), fmt::format("expected the index of a set of weights: {}", e.what()));
  }
}

void pull_weights(const Repository& repository, Pulled& pulled) {
  const auto& files = repository.files();
  if (has(files, "config.json")) pulled.files.push_back(repository.get("config.json"));
  const std::vector<std::string> names{
      "model.safetensors",
      "model.safetensors.index.json",
      "pytorch_model.bin",
      "pytorch_model.bin.index.json"};
  for (const std::string& name : names) {
    if (!has(files, name)) continue;
    PulledFile weights = repository.get(name);
    if (name.ends_with(".json"))
      for (const std::string& shard : shards_of(weights.path))
        pulled.files.push_back(repository.get(shard));
    pulled.files.push_back(std::move(weights));
    return;
  }
  const std::string found = files.empty() ? "nothing" : list_of(files);
  throw IoError(
      "hf://" + pulled.source.name,
      repository.offline()
          ? fmt::format(
                "expected {}, found {} in the cache, and this is offline: pull it with a network",
                list_of(names),
                found)
          : fmt::format(
                "expected {}, found {}; name another file as hf://{}/FILE",
                list_of(names),
                found,
                pulled.source.name));
}

// A list of files that is empty or cut off says nothing of the others: then the server does.
void pull_file(const Repository& repository, Pulled& pulled) {
  const std::string& name = pulled.source.file;
  const auto& files = repository.files();
  const bool whole = !repository.offline() && !files.empty() && files.size() < longest_list;
  if (whole && !has(files, name)) {
    const std::string near = did_you_mean(name, files);
    throw IoError(
        "hf://" + pulled.source.name,
        fmt::format(
            "the repository has no file \"{}\"{}",
            name,
            near.empty() ? "; it has " + list_of(files) : near));
  }
  pulled.files.push_back(repository.get(name));
}

}  // namespace

Source parse_source(const std::string& text) {
  const size_t colon = text.find("://");
  const std::string scheme = text.substr(0, colon == text.npos ? 0 : colon),
                    rest = colon == text.npos ? text : text.substr(colon + 3);
  if (scheme == "hf") return parse_repository(rest);
  if (scheme == "timm") return parse_timm(rest);
  if (scheme == "torchvision") return parse_torchvision(rest);
  if (colon != text.npos || text.find('/') != text.npos)
    throw std::invalid_argument(fmt::format(
        "expected hf://org/name, timm://name, torchvision://name or a network of `fovea models`, "
        "got \"{}\"",
        text));
  const models::Entry& e = models::find(text.substr(0, text.find('@')));
  const std::string which = text.substr(std::min(text.find('@'), text.size()));
  if (!e.torchvision.model.empty())
    return parse_torchvision(std::string(e.torchvision.model) + which);
  if (!e.timm.model.empty()) return parse_timm(std::string(e.timm.weights) + which);
  throw std::invalid_argument(
      fmt::format("neither torchvision nor timm publishes weights of {}", e.name));
}

void check_weights(const Source& source) {
  const std::vector<std::string> endings{
      ".safetensors", ".index.json", ".bin", ".pth", ".pt", ".th", ".ckpt", ".tar", ".pkl"};
  const std::string name = lower(source.file);
  if (!name.empty() &&
      std::ranges::none_of(endings, [&](const auto& e) { return name.ends_with(e); }))
    throw std::invalid_argument(fmt::format(
        "cannot make a model of \"{}\": expected a file of weights ({})",
        source.file,
        list_of(endings)));
}

Pulled pull(const Source& source, const HubOptions& options) try {
  Pulled pulled{.source = source, .commit = "", .files = {}};
  if (source.torchvision) {
    const auto& weights = find_weights(source.name, source.revision);
    pulled.files.push_back(get_weights(weights, options));
    return pulled;
  }
  const Repository repository(
      options, source.name, source.revision.empty() ? "main" : source.revision);
  pulled.commit = repository.commit();
  if (source.file.empty())
    pull_weights(repository, pulled);
  else
    pull_file(repository, pulled);
  repository.remember();
  return pulled;
} catch (const std::filesystem::filesystem_error& e) {
  throw IoError(
      e.path1().string(),
      fmt::format(
          "the cache cannot be used: {}; {} says where it lies",
          e.code().message(),
          source.torchvision ? "TORCH_HOME" : "HF_HOME"));
}

}  // namespace fovea::hub
