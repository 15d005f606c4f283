#include "fovea/hub/timm_config.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/formats/mapped_file.h"

namespace fovea::hub {

namespace {

using Json = nlohmann::json;

constexpr size_t longest_config = 16 << 20;
constexpr int64_t most_classes = 1 << 20;
constexpr int largest_side = 1 << 14;

[[noreturn]] void fail(const std::string& message) { throw std::invalid_argument(message); }

template <class T>
T value(const Json& j, const char* key, T fallback) {
  auto it = j.find(key);
  return it == j.end() || it->is_null() ? fallback : it->get<T>();
}

// A layer's name; several layers share the work where a list has more than one.
std::string layer_name(const Json& j, const char* key) {
  auto it = j.find(key);
  return it != j.end() && it->is_string() ? it->get<std::string>() : "";
}

image::Filter filter_of(const std::string& name) {
  if (name == "nearest") return image::Filter::nearest;
  if (name == "bilinear" || name == "random") return image::Filter::bilinear;  // random: training
  if (name == "bicubic") return image::Filter::bicubic;
  if (name == "lanczos") return image::Filter::lanczos;
  if (name == "box") return image::Filter::box;
  fail(fmt::format(
      "interpolation: expected nearest, bilinear, bicubic, lanczos or box, got \"{}\"",
      printable(name)));
}

// timm resizes to floor(size / crop_pct), then takes the middle.
data::Preprocess preprocess_of(const Json& j) {
  const auto size = j.at("input_size").get<std::vector<int>>();
  if (size.size() != 3 || size[1] != size[2])
    fail(
        "input_size: expected the channels and twice the side of a square, got " +
        j.at("input_size").dump());
  if (const auto mode = value<std::string>(j, "crop_mode", "center"); mode != "center")
    fail(fmt::format("crop_mode: expected \"center\", got \"{}\"", printable(mode)));
  const double crop_pct = value(j, "crop_pct", 0.875);
  if (size[1] > largest_side || !(crop_pct > 0.01))
    fail(fmt::format(
        "expected a side of at most {} and a crop_pct over 0.01, got {} and {}",
        largest_side,
        size[1],
        crop_pct));
  auto p = data::Preprocess::with_crop_pct(size[1], crop_pct);
  p.channels = size[0];
  p.filter = filter_of(value<std::string>(j, "interpolation", "bilinear"));
  p.mean = j.at("mean").get<std::vector<double>>();
  p.std = j.at("std").get<std::vector<double>>();
  p.check();
  return p;
}

TimmConfig parse(const Json& j) {
  if (!j.is_object() || !j.contains("architecture"))
    fail("expected timm's description of a network, with an \"architecture\"");
  if (auto it = j.find("model_args"); it != j.end() && !it->empty())
    fail("this version follows no \"model_args\": " + printable(it->dump()));
  // Early files have everything on one level.
  auto inner = j.find("pretrained_cfg");
  const Json& cfg = inner == j.end() ? j : *inner;
  TimmConfig c;
  c.architecture = j.at("architecture").get<std::string>();
  c.classes = value<int64_t>(j, "num_classes", value<int64_t>(cfg, "num_classes", 0));
  if (c.classes < 1 || c.classes > most_classes)
    fail(fmt::format("num_classes: expected 1 to {}, got {}", most_classes, c.classes));
  c.tag = value<std::string>(cfg, "tag", "");
  c.preprocess = preprocess_of(cfg);
  c.first_conv = layer_name(cfg, "first_conv");
  c.classifier = layer_name(cfg, "classifier");
  c.licence = value<std::string>(cfg, "license", "");
  for (const Json* level : {&j, &cfg})
    if (auto it = level->find("label_names");
        it != level->end() && it->is_array() && c.names.empty())
      c.names = it->get<std::vector<std::string>>();
  if (!c.names.empty() && int64_t(c.names.size()) != c.classes)
    fail(fmt::format("label_names: expected {} names, got {}", c.classes, c.names.size()));
  return c;
}

}  // namespace

TimmConfig read_timm_config(const std::filesystem::path& path) {
  const formats::MappedFile file(path);
  try {
    if (file.bytes().size() > longest_config)
      fail(fmt::format("expected at most {} bytes, got {}", longest_config, file.bytes().size()));
    const auto* text = reinterpret_cast<const char*>(file.bytes().data());
    return parse(Json::parse(text, text + file.bytes().size()));
  } catch (const std::exception& e) {
    throw IoError(path.string(), e.what());
  }
}

}  // namespace fovea::hub
