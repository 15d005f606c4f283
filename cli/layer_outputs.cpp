#include "cli/layer_outputs.h"

#include <algorithm>
#include <set>

#include "fovea/core/eval.h"
#include "fovea/core/node.h"
#include "fovea/onnx/graph.h"
#include "fovea/onnx/names.h"

namespace fovea::cli {

namespace {

const onnx::Graph* graph_of(const models::Model& m) {
  return dynamic_cast<const onnx::Graph*>(m.net.get());
}

std::vector<std::string> module_paths(nn::Module& m) {
  class Collect : public nn::Module::Visitor {
   public:
    std::vector<std::string> found;
    void param(std::string_view, Tensor&, const nn::ParamSpec&) override {}
    void state(std::string_view, Tensor&) override {}
    void child(std::string_view name, nn::Module& inner) override {
      const std::string outer = path_;
      if (!path_.empty()) path_ += ".";
      path_ += name;
      found.push_back(path_);
      inner.visit(*this);
      path_ = outer;
    }

   private:
    std::string path_;
  };
  Collect collect;
  m.visit(collect);
  return collect.found;
}

std::string parent_of(const std::string& path) {
  const size_t dot = path.rfind('.');
  return dot == path.npos ? "" : path.substr(0, dot);
}

void keep(
    std::vector<LayerOutput>& all, const nn::Ctx& ctx, const std::string& tap, LayerOutput l) {
  auto found = ctx.taps.find(tap);
  if (found == ctx.taps.end()) return;
  l.value = found->second;
  all.push_back(std::move(l));
}

// What activations and sums make of a node's output: our modules may do them at once.
void add_what_follows(
    const std::vector<LayerOutput>& nodes, const LayerOutput& from, std::vector<Tensor>& to) {
  static const std::set<std::string_view> pointwise{
      "Relu", "Clip", "Add", "Mul", "Sigmoid", "HardSigmoid", "HardSwish", "LeakyRelu", "PRelu"};
  const std::string* last = &from.node->outputs[0];
  for (const LayerOutput& l : nodes) {
    if (!l.node || !pointwise.contains(l.node->op)) continue;
    if (std::ranges::find(l.node->inputs, *last) == l.node->inputs.end()) continue;
    to.push_back(l.value);
    last = &l.node->outputs[0];
  }
}

// Modules against nodes.
std::vector<LayerPair> pairs_with_graph(
    const std::vector<LayerOutput>& modules, const std::vector<LayerOutput>& nodes) {
  std::vector<LayerPair> pairs;
  bool after_leaf = false;  // the last pair is of a module without others in it
  for (const LayerOutput& m : modules) {
    if (m.name == "output") continue;
    const std::string below = m.name + ".";
    LayerPair pair{m.name, m.value, {}};
    const LayerOutput* last = nullptr;
    bool normalises = false;
    for (const LayerOutput& node : nodes) {
      if (!node.name.starts_with(below)) continue;
      pair.b.push_back(node.value);
      normalises |= node.node && (node.node->op == "BatchNormalization" || node.node->op == "Mul");
      last = &node;
    }
    if (last) add_what_follows(nodes, *last, pair.b);
    const bool leaf = std::ranges::none_of(
        modules, [&](const LayerOutput& other) { return other.name.starts_with(below); });
    const bool folded = leaf && (pair.b.empty() || (m.norm && !normalises));
    if (folded && after_leaf && parent_of(pairs.back().name) == parent_of(m.name) &&
        pairs.back().a.shape() == m.value.shape()) {
      pairs.back().name = m.name;
      pairs.back().a = m.value;
      std::ranges::copy(pair.b, std::back_inserter(pairs.back().b));
    } else if (!pair.b.empty()) {
      pairs.push_back(std::move(pair));
      after_leaf = leaf;
    }
  }
  pairs.push_back({"output", modules.back().value, {nodes.back().value}});
  return pairs;
}

}  // namespace

std::vector<LayerOutput> outputs_of(const models::Model& m, const Tensor& x) {
  nn::Ctx ctx;
  const onnx::Graph* graph = graph_of(m);
  if (graph)
    for (const auto& node : graph->nodes()) ctx.wanted_taps.push_back(node.outputs[0]);
  else
    ctx.wanted_taps = module_paths(*m.net);
  const Tensor y = nn::forward(*m.net, x, ctx);
  std::vector<LayerOutput> all;
  if (graph) {
    for (const auto& node : graph->nodes())
      keep(
          all,
          ctx,
          node.outputs[0],
          {onnx::module_name(node.name.empty() ? node.outputs[0] : node.name), {}, &node});
  } else {
    const Tree state = nn::state(*m.net);
    for (const std::string& path : ctx.wanted_taps)
      keep(all, ctx, path, {.name = path, .norm = state.contains(path + ".running_mean")});
    auto number = [](const LayerOutput& l) { return l.value.node() ? l.value.node()->id : 0; };
    std::ranges::stable_sort(all, {}, number);
  }
  all.push_back({"output", y});
  std::vector<Tensor> values;
  for (const LayerOutput& l : all) values.push_back(l.value);
  eval(values);
  return all;
}

std::vector<LayerPair> pairs_of(
    const models::Model& a,
    const std::vector<LayerOutput>& of_a,
    const models::Model& b,
    const std::vector<LayerOutput>& of_b) {
  const bool a_is_graph = graph_of(a), b_is_graph = graph_of(b);
  if (b_is_graph && !a_is_graph) return pairs_with_graph(of_a, of_b);
  if (a_is_graph && !b_is_graph) return pairs_with_graph(of_b, of_a);
  std::vector<LayerPair> pairs;
  for (const LayerOutput& l : of_a)
    for (const LayerOutput& other : of_b)
      if (l.name == other.name) pairs.push_back({l.name, l.value, {other.value}});
  return pairs;
}

}  // namespace fovea::cli
