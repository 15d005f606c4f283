#include "fovea/models/diagram_builder.h"

#include <algorithm>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/shape.h"

namespace fovea::models {

namespace {

using Kind = DiagramLayer::Kind;
using Step = DiagramStep;

// What stands for the outputs of a node where only their shapes matter.
std::vector<Tensor> outputs_of(const Node& node) {
  std::vector<Tensor> outputs;
  for (const Node::Output& out : node.outputs) {
    auto value = std::make_shared<Value>();
    value->spec = out.spec;
    outputs.emplace_back(value);
  }
  return outputs;
}

bool is_picture(const Shape& s) { return s.rank() == 4 && s[0] == 1; }

}  // namespace

std::string path_of(const Node& node) { return node.path ? *node.path : ""; }

bool rearranges(const Node& node) {
  return as<Reshape>(node) || as<Transpose>(node) || as<Broadcast>(node) ||
         as<StopGradient>(node) || as<Cast>(node);
}

DiagramBuilder::DiagramBuilder(const Tree& parameters, const Tensor& x) {
  for (const auto& [name, t] : parameters) {
    const size_t dot = name.rfind('.');
    owned_[dot == name.npos ? "" : name.substr(0, dot)] += t.numel();
  }
  layers_.push_back({.kind = Kind::input, .output = x.shape()});
  at_[x.node().get()] = 0;
}

std::vector<const Node*> DiagramBuilder::depending(std::span<const std::shared_ptr<Node>> nodes) {
  std::set<const Node*> reached{at_.begin()->first};
  std::vector<const Node*> list;
  for (const auto& node : nodes) {
    std::set<const Node*> read;
    for (const Tensor& t : node->inputs)
      if (reached.contains(t.node().get())) read.insert(t.node().get());
    for (const Node* from : read) ++uses_[from].readers;
    if (read.empty()) continue;
    reached.insert(node.get());
    list.push_back(node.get());
  }
  return list;
}

bool DiagramBuilder::alone(const Tensor& t) const {
  const Use& use = uses_.at(t.node().get());
  return use.readers == 1 && !use.shared;
}

size_t DiagramBuilder::add(Kind kind, std::string op, std::vector<size_t> inputs) {
  std::ranges::sort(inputs);
  inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
  layers_.push_back({.kind = kind, .op = std::move(op), .inputs = std::move(inputs)});
  return layers_.size() - 1;
}

void DiagramBuilder::enter(const Node& node, size_t layer) {
  DiagramLayer& l = layers_[layer];
  const bool fresh = at_.insert_or_assign(&node, layer).second;
  for (const Tensor& t : node.inputs)
    if (known(t) && number(t) == layer && (rearranges(node) || as<Pool>(node)))
      uses_[&node].shared = !alone(t);
  if (layer == 0) return;
  if (fresh && node.primitive->kind() == fovea::Kind::heavy)
    l.macs += node.primitive->cost(node.inputs, outputs_of(node)).flops / 2;
  const Shape& shape = node.outputs[0].spec.shape;
  if (!rearranges(node) || (is_picture(shape) && !is_picture(l.output))) l.output = shape;
  if (rearranges(node)) return;
  const std::string path = path_of(node);
  if (!path.empty() && std::ranges::find(l.paths, path) == l.paths.end()) l.paths.push_back(path);
  auto owned = owned_.find(path);
  if (owned == owned_.end()) return;
  l.parameters += owned->second;
  owned_.erase(owned);
}

// A step at the end of the layer that gives x, or else a layer of its own.
size_t DiagramBuilder::attach(const Tensor& x, const Step& step) {
  const size_t from = number(x);
  const Kind kind = layers_[from].kind;
  const bool computes = kind == Kind::conv || kind == Kind::transposed_conv ||
                        kind == Kind::linear || kind == Kind::norm;
  const bool fits = step.kind == Step::Kind::norm ? computes : kind != Kind::input;
  if (alone(x) && fits) {
    layers_[from].after.push_back(step);
    return from;
  }
  return add(step.kind == Step::Kind::norm ? Kind::norm : Kind::activation, step.name, {from});
}

size_t DiagramBuilder::activate(size_t layer, bool relu) {
  if (relu) layers_[layer].after.push_back({Step::Kind::activation, "relu"});
  return layer;
}

// a + b, a - b or a * b. A sum of sums is one sum.
size_t DiagramBuilder::join(Kind kind, const Tensor& a, const Tensor& b) {
  std::vector<size_t> inputs;
  std::vector<std::string> paths;
  int64_t parameters = 0;
  for (const Tensor& t : {a, b}) {
    const size_t from = number(t);
    const DiagramLayer& l = layers_[from];
    if (kind == Kind::add && l.kind == kind && l.op.empty() && l.after.empty() && alone(t)) {
      inputs.insert(inputs.end(), l.inputs.begin(), l.inputs.end());
      dead_.insert(from);
      paths.insert(paths.end(), l.paths.begin(), l.paths.end());
      parameters += l.parameters;
    } else {
      inputs.push_back(from);
    }
  }
  const size_t sum = add(kind, "", inputs);
  layers_[sum].paths = std::move(paths);
  layers_[sum].parameters = parameters;
  return sum;
}

// A norm or activation that one convolution or linear layer alone reads becomes part of it.
void DiagramBuilder::join_forward() {
  std::vector<int> readers(layers_.size());
  for (size_t i = 0; i < layers_.size(); ++i)
    if (!dead_.contains(i))
      for (size_t from : layers_[i].inputs) ++readers[from];
  for (DiagramLayer& l : layers_) {
    if (l.kind != Kind::conv && l.kind != Kind::transposed_conv && l.kind != Kind::linear) continue;
    const size_t from = l.inputs[0];
    DiagramLayer& step = layers_[from];
    const bool norm = step.kind == Kind::norm && step.op != "local response norm";
    if (readers[from] != 1 || (!norm && step.kind != Kind::activation)) continue;
    l.before = step.after;
    l.before.insert(l.before.begin(), {norm ? Step::Kind::norm : Step::Kind::activation, step.op});
    l.paths.insert(l.paths.begin(), step.paths.begin(), step.paths.end());
    l.parameters += step.parameters;
    l.inputs = step.inputs;
    dead_.insert(from);
  }
}

std::vector<DiagramLayer> DiagramBuilder::finish() {
  join_forward();
  std::vector<size_t> renumbered(layers_.size());
  std::vector<DiagramLayer> kept;
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (dead_.contains(i)) continue;
    renumbered[i] = kept.size();
    kept.push_back(std::move(layers_[i]));
    for (size_t& from : kept.back().inputs) from = renumbered[from];
  }
  return kept;
}

}  // namespace fovea::models
