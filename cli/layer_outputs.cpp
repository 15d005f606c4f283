#include "cli/layer_outputs.h"

#include <algorithm>
#include <map>
#include <set>

#include "fovea/core/eval.h"
#include "fovea/core/node.h"
#include "fovea/onnx/graph.h"
#include "fovea/onnx/names.h"
#include "fovea/ops/elementwise.h"

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

// Nodes by what they are called, "features.0.Conv", or where that names no module, as the weight
// features.0.weight says that nobody else reads. Exporters may number nodes, and share equal
// weights.
std::vector<LayerOutput> nodes_of(
    const onnx::Graph& graph, const Tree& weights, const nn::Ctx& ctx) {
  std::map<std::string, int> readers;
  for (const auto& node : graph.nodes())
    for (const std::string& input : node.inputs) ++readers[input];
  std::vector<LayerOutput> all;
  for (const auto& node : graph.nodes()) {
    auto found = ctx.taps.find(node.outputs[0]);
    if (found == ctx.taps.end()) continue;
    LayerOutput l{
        .name = onnx::module_name(node.name.empty() ? node.outputs[0] : node.name),
        .value = found->second,
        .node = &node};
    auto weight = std::ranges::find_if(node.inputs, [&](const std::string& input) {
      return weights.contains(input) && readers[input] == 1;
    });
    if (weight != node.inputs.end() && !l.name.starts_with(parent_of(*weight) + ".")) {
      l.name = parent_of(*weight) + "." + node.op;
      l.by_weights = true;
    }
    all.push_back(std::move(l));
  }
  return all;
}

// What the nodes of this module read that are of another, or of none.
std::vector<const Value*> read_by(const LayerOutput& l) {
  std::vector<const Value*> read;
  std::vector<Tensor> todo{l.value};
  while (!todo.empty()) {
    const Tensor t = todo.back();
    todo.pop_back();
    const auto node = t.node();
    if (node && node->path && *node->path == l.name)
      todo.insert(todo.end(), node->inputs.begin(), node->inputs.end());
    else
      read.push_back(t.value().get());
  }
  return read;
}

bool is_leaf(const LayerOutput& module, const std::vector<LayerOutput>& all) {
  const std::string below = module.name + ".";
  return std::ranges::none_of(
      all, [&](const LayerOutput& other) { return other.name.starts_with(below); });
}

// Of all modules; `y` is what the network gives.
std::vector<LayerOutput> modules_of(nn::Module& net, const nn::Ctx& ctx, const Tensor& y) {
  const Tree state = nn::state(net);
  std::vector<LayerOutput> all;
  for (const std::string& path : module_paths(net))
    if (auto found = ctx.taps.find(path); found != ctx.taps.end())
      all.push_back(
          {.name = path, .value = found->second, .norm = state.contains(path + ".running_mean")});
  auto number = [](const LayerOutput& l) { return l.value.node() ? l.value.node()->id : 0; };
  std::ranges::stable_sort(all, {}, number);

  std::map<const Value*, LayerOutput*> leaves;
  std::map<const Value*, const Value*> same;  // what other modules pass on, and what that was
  for (LayerOutput& l : all) {
    const Value* value = l.value.value().get();
    if (is_leaf(l, all))
      leaves[value] = &l;
    else if (l.value.node())
      same[value] = l.value.node()->inputs[0].value().get();
  }
  // A norm may add a shortcut, too, which was there before what it normalises.
  for (auto& [value, l] : leaves) {
    if (!l->norm) continue;
    const LayerOutput* last = nullptr;
    for (const Value* from : read_by(*l)) {
      while (same.contains(from)) from = same[from];
      auto other = leaves.find(from);
      if (other != leaves.end() && !other->second->norm &&
          (!last || number(*other->second) > number(*last)))
        last = other->second;
    }
    if (last) l->from = last->name;
  }
  for (const auto& node : reachable(std::span(&y, 1))) {
    const auto* binary = dynamic_cast<const Binary*>(node->primitive.get());
    if (!binary || binary->op() != BinaryOp::mul) continue;
    for (size_t i : {0, 1}) {
      auto l = leaves.find(node->inputs[i].value().get());
      if (l != leaves.end() && node->inputs[1 - i].is_evaluated())
        l->second->scaled = Node::output(node, 0);
    }
  }
  return all;
}

// What activations and sums make of a node's output: our modules may do them at once.
void add_what_follows(
    const std::vector<LayerOutput>& nodes, const LayerOutput& from, std::vector<Tensor>& to) {
  static const std::set<std::string_view> pointwise{
      "Relu",      "Clip",    "PRelu", "LeakyRelu", "Elu",      "Selu",    "Celu",
      "Gelu",      "Mish",    "Tanh",  "Sigmoid",   "Softplus", "Erf",     "HardSigmoid",
      "HardSwish", "Add",     "Sub",   "Mul",       "Div",      "Softmax", "LogSoftmax",
      "Identity",  "Dropout", "Exp",   "Neg"};
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
  for (const LayerOutput& m : modules) {
    if (m.name == "output") continue;
    const std::string below = m.name + ".";
    LayerPair pair{m.name, {m.value}, {}};
    if (!m.scaled.is_empty()) pair.a.push_back(m.scaled);
    const bool leaf = is_leaf(m, modules);
    const LayerOutput* last = nullptr;
    bool normalises = false;
    for (const LayerOutput& node : nodes) {
      if (!node.name.starts_with(below) || (node.by_weights && !leaf)) continue;
      pair.b.push_back(node.value);
      normalises |= node.node && (node.node->op == "BatchNormalization" || node.node->op == "Mul");
      last = &node;
    }
    if (last) add_what_follows(nodes, *last, pair.b);
    auto into = std::ranges::find(pairs, m.from, &LayerPair::name);
    if (m.norm && !normalises && into != pairs.end() && into->a[0].shape() == m.value.shape()) {
      into->name = m.name;
      into->a = std::move(pair.a);
      std::ranges::copy(pair.b, std::back_inserter(into->b));
    } else if (!pair.b.empty()) {
      pairs.push_back(std::move(pair));
    }
  }
  pairs.push_back({"output", {modules.back().value}, {nodes.back().value}});
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
  Tree weights = nn::parameters(*m.net);
  weights.merge(nn::state(*m.net));
  std::vector<LayerOutput> all =
      graph ? nodes_of(*graph, weights, ctx) : modules_of(*m.net, ctx, y);
  all.push_back({.name = "output", .value = y});
  std::vector<Tensor> values;
  for (const LayerOutput& l : all) {
    values.push_back(l.value);
    if (!l.scaled.is_empty()) values.push_back(l.scaled);
  }
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
      if (l.name == other.name) pairs.push_back({l.name, {l.value}, {other.value}});
  return pairs;
}

}  // namespace fovea::cli
