#include "fovea/hub/timm_names.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"

namespace fovea::hub {

namespace {

// "blocks.2.1.conv_pw.weight" with the prefix "blocks." as 2, 1, "conv_pw.weight".
struct Place {
  int stage = 0, block = 0;
  std::string rest;
};

constexpr int most_blocks = 1000;  // of a stage, or stages

std::optional<int> take_number(std::string_view& text) {
  int n = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end == text.data() + text.size() || *end != '.' || n < 0 ||
      n > most_blocks)
    return {};
  text.remove_prefix(size_t(end - text.data()) + 1);
  return n;
}

std::optional<Place> place_of(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return {};
  name.remove_prefix(prefix.size());
  const auto stage = take_number(name);
  if (!stage) return {};
  if (name.starts_with("blocks.")) name.remove_prefix(7);
  const auto block = take_number(name);
  if (!block) return {};
  return Place{*stage, *block, std::string(name)};
}

using Renames =
    std::vector<std::pair<std::string_view, std::string>>;  // a part, and what it is now

// The name with its part before the last point changed, if it is listed.
std::optional<std::string> renamed(const std::string& name, const Renames& parts) {
  const size_t dot = name.rfind('.');
  if (dot == name.npos) return {};
  for (const auto& [old, now] : parts)
    if (name.substr(0, dot) == old) return now + name.substr(dot);
  return {};
}

// How the parts of a block are called in torchvision.
Renames block_parts(bool v2, bool expands, bool excites) {
  if (v2 && !expands)
    return {{"conv_dw", "conv.0.0"}, {"bn1", "conv.0.1"}, {"conv_pw", "conv.1"}, {"bn2", "conv.2"}};
  if (v2)
    return {
        {"conv_pw", "conv.0.0"},
        {"bn1", "conv.0.1"},
        {"conv_dw", "conv.1.0"},
        {"bn2", "conv.1.1"},
        {"conv_pwl", "conv.2"},
        {"bn3", "conv.3"}};
  const int deep = expands, excite = deep + 1, last = excite + excites;
  auto at = [](int i, const char* what) { return fmt::format("block.{}.{}", i, what); };
  Renames parts{{"se.conv_reduce", at(excite, "fc1")}, {"se.conv_expand", at(excite, "fc2")}};
  if (!expands) {
    parts.insert(
        parts.end(),
        {{"conv_dw", at(0, "0")},
         {"bn1", at(0, "1")},
         {"conv_pw", at(last, "0")},
         {"bn2", at(last, "1")}});
  } else {
    parts.insert(
        parts.end(),
        {{"conv_pw", at(0, "0")},
         {"bn1", at(0, "1")},
         {"conv_dw", at(1, "0")},
         {"bn2", at(1, "1")},
         {"conv_pwl", at(last, "0")},
         {"bn3", at(last, "1")}});
  }
  return parts;
}

// MobileNet v2 and v3 count their blocks through, EfficientNet by stage.
Tree mobile(const Tree& tree) {
  std::vector<int> blocks;  // of each stage
  bool excites = false;
  for (const auto& [name, t] : tree)
    if (auto p = place_of(name, "blocks.")) {
      blocks.resize(std::max(blocks.size(), size_t(p->stage) + 1), 0);
      blocks[size_t(p->stage)] = std::max(blocks[size_t(p->stage)], p->block + 1);
      excites = excites || p->rest.starts_with("se.");
    }
  const bool v3 = tree.contains("conv_head.bias"), v2 = !excites, by_stage = !v2 && !v3;
  std::vector<int> before(blocks.size() + 1, 1);  // the stem is number 0
  for (size_t i = 0; i < blocks.size(); ++i) before[i + 1] = before[i] + (by_stage ? 1 : blocks[i]);
  const std::string end = fmt::format("features.{}.", before.back());
  const Renames ends{
      {"conv_stem", "features.0.0"},
      {"bn1", "features.0.1"},
      {"conv_head", v3 ? "classifier.0" : end + "0"},
      {"bn2", end + "1"},
      {"classifier", v3 ? "classifier.3" : "classifier.1"}};

  Tree now;
  for (const auto& [name, t] : tree) {
    Tensor value = t;
    std::optional<std::string> known;
    if (auto p = place_of(name, "blocks.")) {
      const std::string block = fmt::format("blocks.{}.{}.", p->stage, p->block);
      const int number = before[size_t(p->stage)];
      const std::string to = by_stage ? fmt::format("features.{}.{}.", number, p->block)
                                      : fmt::format("features.{}.", number + p->block);
      // The convolution before v3's pooling is a block of its own.
      const Renames parts = tree.contains(block + "conv.weight")
                                ? Renames{{"conv", "0"}, {"bn1", "1"}}
                                : block_parts(
                                      v2,
                                      tree.contains(block + "conv_pwl.weight"),
                                      tree.contains(block + "se.conv_reduce.weight"));
      known = renamed(p->rest, parts);
      if (known) known = to + *known;
    } else {
      known = renamed(name, ends);
    }
    if (v3 && name == "conv_head.weight" && t.rank() == 4) value = reshape(t, {t.dim(0), -1});
    now[known.value_or(name)] = value;
  }
  if (!v3) return now;
  constexpr double theirs = 1e-5, ours = 1e-3;
  for (auto& [name, t] : now) {
    if (!name.ends_with(".running_var")) continue;
    auto scale = now.find(name.substr(0, name.rfind('.')) + ".weight");
    if (scale != now.end() && scale->second.shape() == t.shape())
      scale->second = (scale->second * sqrt((t + ours) / (t + theirs))).eval();
  }
  return now;
}

Tree convnext(const Tree& tree) {
  static const Renames block{
      {"conv_dw", "block.0"}, {"norm", "block.2"}, {"mlp.fc1", "block.3"}, {"mlp.fc2", "block.5"}};
  static const Renames ends{
      {"stem.0", "features.0.0"},
      {"stem.1", "features.0.1"},
      {"head.norm", "classifier.0"},
      {"head.fc", "classifier.2"}};
  Tree now;
  for (const auto& [name, t] : tree) {
    Tensor value = t;
    std::optional<std::string> known;
    const size_t part = name.find(".downsample.");
    if (name.starts_with("stages.") && part != name.npos) {
      std::string_view rest = std::string_view(name).substr(7);
      if (const auto stage = take_number(rest))
        known = fmt::format("features.{}.{}", 2 * *stage, name.substr(part + 12));
    } else if (auto p = place_of(name, "stages.")) {
      const std::string to = fmt::format("features.{}.{}.", 2 * p->stage + 1, p->block);
      known = renamed(p->rest, block);
      if (p->rest == "gamma") {
        known = "layer_scale";
        value = reshape(t, {t.numel(), 1, 1});
      }
      if (known) known = to + *known;
    } else {
      known = renamed(name, ends);
    }
    now[known.value_or(name)] = value;
  }
  return now;
}

}  // namespace

Tree from_timm(const Tree& tree) {
  if (tree.contains("conv_stem.weight") && tree.contains("blocks.1.0.conv_pwl.weight"))
    return mobile(tree);
  if (tree.contains("stages.0.blocks.0.conv_dw.weight")) return convnext(tree);
  return tree;
}

}  // namespace fovea::hub
