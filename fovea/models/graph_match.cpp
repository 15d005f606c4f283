#include "fovea/models/graph_match.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "fovea/core/node.h"
#include "fovea/core/text.h"
#include "fovea/models/graph_net.h"
#include "fovea/models/summary.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/random.h"

namespace fovea::models {

namespace {

// The tensors of one layer: "weight", "bias", "running_mean", "running_var".
struct Layer {
  std::string name;
  Tree tensors;

  std::string str() const {
    std::string text;
    for (const auto& [key, t] : tensors)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key, t.shape().str());
    return fmt::format("\"{}\" ({})", printable(name), text);
  }
};

Layer layer_of(const std::string& name, const Tree& all) {
  Layer layer{name, {}};
  for (const char* key : {"weight", "bias", "running_mean", "running_var"})
    if (auto it = all.find(name + "." + key); it != all.end()) layer.tensors[key] = it->second;
  return layer;
}

std::vector<Layer> layers_of(const formats::LayerGraph& graph) {
  std::vector<Layer> layers;
  for (const formats::GraphLayer& l : graph.layers) {
    Layer layer = layer_of(l.name, graph.weights);
    if (layer.tensors.empty()) continue;
    if (l.type == "scale" && !layers.empty() && layers.back().tensors.contains("running_mean") &&
        !layers.back().tensors.contains("weight"))
      layers.back().tensors.merge(layer.tensors);
    else
      layers.push_back(std::move(layer));
  }
  return layers;
}

// In the order in which they run.
std::vector<Layer> layers_of(nn::Module& net, const Shape& input) {
  const Tree all = nn::export_tree(net);
  std::vector<Layer> layers;
  std::set<std::string> seen;
  for (const LayerRow& row : summarize(net, input).layers) {
    Layer layer = layer_of(row.path, all);
    if (!layer.tensors.empty() && seen.insert(row.path).second) layers.push_back(std::move(layer));
  }
  return layers;
}

bool same_shapes(const Layer& a, const Layer& b) {
  return std::ranges::equal(a.tensors, b.tensors, [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.shape() == y.second.shape();
  });
}

// Where strides, paddings, dilations or groups of convolutions differ. `names` are the module's, by
// those of the graph.
std::vector<std::string> notes_on(
    const formats::LayerGraph& graph,
    const nn::Module& net,
    const Shape& input,
    const std::map<std::string, std::string>& names) {
  nn::Ctx ctx;
  const Tensor y = nn::forward(net, nn::shaped({1, input[0], input[1], input[2]}), ctx);
  std::map<std::string, Conv2dOptions> ours;
  for (const auto& node : reachable(std::span(&y, 1)))
    if (auto* conv = dynamic_cast<const ConvFwd*>(node->primitive.get()); conv && node->path)
      ours[*node->path] = conv->options();
  std::vector<std::string> notes;
  for (const formats::GraphLayer& l : graph.layers) {
    auto name = names.find(l.name);
    auto known = name == names.end() ? ours.end() : ours.find(name->second);
    if (l.type != "conv" || known == ours.end()) continue;
    const Conv2dOptions& o = known->second;
    auto compare = [&](const char* what, const char* key, double otherwise, int mine) {
      const double theirs = l.option(key, otherwise);
      if (theirs == mine) return;
      notes.push_back(fmt::format(
          "{} {} by {:g}, {} by {}", printable(l.name), what, theirs, name->second, mine));
    };
    compare("pads", "pad_top", 0, o.pad[0]);
    compare("strides", "stride_h", 1, o.stride[0]);
    compare("dilates", "dilation_h", 1, o.dilation[0]);
    compare("divides its channels", "groups", 1, o.groups);
  }
  return notes;
}

}  // namespace

GraphMatch match_graph(const formats::LayerGraph& graph, nn::Module& net, const Shape& input) {
  const std::vector<Layer> theirs = layers_of(graph), ours = layers_of(net, input);
  GraphMatch match;
  std::map<std::string, std::string> names;
  for (size_t i = 0; i < std::max(theirs.size(), ours.size()); ++i) {
    if (i >= theirs.size() || i >= ours.size() || !same_shapes(theirs[i], ours[i])) {
      match.weights.clear();
      match.report.mismatched.push_back(fmt::format(
          "layer {} of those with weights: expected {}, got {}",
          i + 1,
          i < ours.size() ? ours[i].str() : "none",
          i < theirs.size() ? theirs[i].str() : "none"));
      return match;
    }
    names[theirs[i].name] = ours[i].name;
    for (const auto& [key, t] : theirs[i].tensors) match.weights[ours[i].name + "." + key] = t;
  }
  match.report = nn::load(net, match.weights, {.strict = false, .strip_prefixes = false});
  if (!match.report.complete()) return match;

  const Tensor x = random_normal({1, input[0], input[1], input[2]}, Key{17});
  nn::Ctx ctx, their_ctx;
  const auto a = nn::forward(net, x, ctx).to_doubles();
  const auto b = nn::forward(*build_graph(graph), x, their_ctx).to_doubles();
  double largest = 1e-12;
  if (a.size() != b.size()) match.difference = INFINITY;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(b[i]));
    if (!(std::abs(a[i] - b[i]) <= match.difference)) match.difference = std::abs(a[i] - b[i]);
  }
  match.difference /= largest;
  match.notes = notes_on(graph, net, input, names);
  return match;
}

}  // namespace fovea::models
