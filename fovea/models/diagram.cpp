#include "fovea/models/diagram.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "fovea/core/node.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/join.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pad.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"
#include "fovea/ops/softmax.h"

namespace fovea::models {

namespace {

using Kind = DiagramLayer::Kind;
using Step = DiagramStep;

template <class P>
const P* as(const Node& node) {
  return dynamic_cast<const P*>(node.primitive.get());
}

std::string spaced(std::string_view name) {
  std::string text(name);
  std::ranges::replace(text, '_', ' ');
  return text;
}

std::string path_of(const Node& node) { return node.path ? *node.path : ""; }

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

// Largest window and largest distance of windows along one axis.
std::array<int64_t, 2> window_of(const std::vector<PoolBin>& bins) {
  int64_t kernel = 0, stride = 0;
  for (size_t i = 0; i < bins.size(); ++i) {
    kernel = std::max(kernel, bins[i].end - bins[i].begin);
    if (i > 0) stride = std::max(stride, bins[i].begin - bins[i - 1].begin);
    if (i > 0) stride = std::max(stride, bins[i].end - bins[i - 1].end);
  }
  return {kernel, std::max<int64_t>(stride, 1)};
}

std::string norm_name(const GroupNorm& norm, const Shape& x) {
  if (norm.groups() == 1) return "layer norm";
  return norm.groups() == x.back() ? "instance norm" : "group norm";
}

class Reader {
 public:
  Reader(const Tree& parameters, const Tensor& x) {
    for (const auto& [name, t] : parameters) {
      const size_t dot = name.rfind('.');
      owned_[dot == name.npos ? "" : name.substr(0, dot)] += t.numel();
    }
    layers_.push_back({.kind = Kind::input, .output = x.shape()});
    at_[x.node().get()] = 0;
  }

  void read(std::span<const std::shared_ptr<Node>> nodes);
  std::vector<DiagramLayer> finish();

 private:
  struct Use {
    int readers = 0;
    bool shared = false;  // the value, or the one it rearranges, has several readers
  };

  bool known(const Tensor& t) const { return at_.contains(t.node().get()); }
  size_t layer(const Tensor& t) const { return at_.at(t.node().get()); }
  bool alone(const Tensor& t) const {
    const Use& use = uses_.at(t.node().get());
    return use.readers == 1 && !use.shared;
  }

  size_t add(Kind kind, std::string op, std::vector<size_t> inputs);
  void enter(const Node& node, size_t layer);
  size_t attach(const Tensor& x, const Step& step);
  size_t activate(size_t layer, bool relu);
  size_t join(Kind kind, const Tensor& a, const Tensor& b);
  size_t read_conv(const Node& node, const ConvFwd& conv);
  size_t read_pool(const Node& node, const Pool& pool);
  size_t read_binary(const Node& node, const Binary& binary);
  size_t read_pad(const Node& node);
  size_t read_slice(const Node& node, const Slice& slice);
  size_t read_other(const Node& node);
  size_t read_node(const Node& node);
  bool rearranges(const Node& node) const;
  void join_forward();

  std::map<std::string, int64_t> owned_;  // parameters of a module itself, until a layer takes them
  std::vector<DiagramLayer> layers_;
  std::unordered_map<const Node*, size_t> at_;  // the layer that holds what a node gives
  std::unordered_map<const Node*, Use> uses_;
  std::map<std::string, size_t> response_norms_;  // by path; 0: not met yet
  std::set<size_t> dead_;
};

size_t Reader::add(Kind kind, std::string op, std::vector<size_t> inputs) {
  std::ranges::sort(inputs);
  inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
  layers_.push_back({.kind = kind, .op = std::move(op), .inputs = std::move(inputs)});
  return layers_.size() - 1;
}

// Makes `node` part of a layer.
void Reader::enter(const Node& node, size_t number) {
  DiagramLayer& l = layers_[number];
  const bool fresh = at_.insert_or_assign(&node, number).second;
  if (number == 0) return;
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
size_t Reader::attach(const Tensor& x, const Step& step) {
  const size_t from = layer(x);
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

size_t Reader::activate(size_t number, bool relu) {
  if (relu) layers_[number].after.push_back({Step::Kind::activation, "relu"});
  return number;
}

// a + b, a - b or a * b. A sum of sums is one sum.
size_t Reader::join(Kind kind, const Tensor& a, const Tensor& b) {
  std::vector<size_t> inputs;
  std::vector<std::string> paths;
  int64_t parameters = 0;
  for (const Tensor& t : {a, b}) {
    const size_t from = layer(t);
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
  const size_t number = add(kind, "", inputs);
  layers_[number].paths = std::move(paths);
  layers_[number].parameters = parameters;
  return number;
}

size_t Reader::read_conv(const Node& node, const ConvFwd& conv) {
  size_t number = add(Kind::conv, "", {layer(node.inputs[0])});
  const Shape& w = node.inputs[1].shape();
  layers_[number].kernel = {w[1], w[2]};
  layers_[number].stride = {conv.options().stride[0], conv.options().stride[1]};
  layers_[number].groups = conv.options().groups;
  if (conv.residual()) {
    enter(node, number);
    number = add(Kind::add, "", {number, layer(node.inputs.back())});
  }
  return activate(number, conv.relu());
}

size_t Reader::read_pool(const Node& node, const Pool& pool) {
  const auto [kh, sh] = window_of(pool.grid().rows);
  const auto [kw, sw] = window_of(pool.grid().columns);
  const size_t from = layer(node.inputs[0]);
  if (kh == 1 && kw == 1 && node.inputs[0].shape() == node.outputs[0].spec.shape) return from;
  const size_t number = add(as<MaxPool>(node) ? Kind::max_pool : Kind::avg_pool, "", {from});
  layers_[number].kernel = {kh, kw};
  layers_[number].stride = {sh, sw};
  layers_[number].global = pool.grid().rows.size() == 1 && pool.grid().columns.size() == 1 &&
                           kh == pool.grid().height && kw == pool.grid().width;
  return number;
}

size_t Reader::read_binary(const Node& node, const Binary& binary) {
  const Tensor &a = node.inputs[0], &b = node.inputs[1];
  const bool add_op = binary.op() == BinaryOp::add, mul_op = binary.op() == BinaryOp::mul;
  if (known(a) && known(b)) {
    if (add_op || mul_op) return join(add_op ? Kind::add : Kind::multiply, a, b);
    if (binary.op() == BinaryOp::sub) return join(Kind::subtract, a, b);
    return read_other(node);
  }
  const Tensor &x = known(a) ? a : b, &other = known(a) ? b : a;
  const size_t from = layer(x);
  DiagramLayer& l = layers_[from];
  if (!add_op && !mul_op) return read_other(node);
  if (add_op) return attach(x, {Step::Kind::scale, "shift"});
  if (l.kind == Kind::avg_pool && l.global && alone(x)) return from;  // the sum becomes the mean
  if (other.numel() != 1 || !other.is_evaluated()) return attach(x, {Step::Kind::scale, "scale"});
  const double factor = other.item<double>();
  if (l.kind == Kind::add && l.after.empty() && alone(x) &&
      std::abs(factor * double(l.inputs.size()) - 1) < 1e-6) {
    l.op = "mean";
    return from;
  }
  return attach(x, {Step::Kind::scale, fmt::format("x {:.3g}", factor)});
}

size_t Reader::read_slice(const Node& node, const Slice& slice) {
  const size_t number = read_other(node);
  if (slice.steps().size() == 4)
    layers_[number].stride = {slice.steps()[1].step, slice.steps()[2].step};
  return number;
}

// Channels of zeros behind a shortcut's slice make one layer with it.
size_t Reader::read_pad(const Node& node) {
  const size_t from = layer(node.inputs[0]);
  if (layers_[from].op != "slice" || !alone(node.inputs[0])) return read_other(node);
  layers_[from].op = "zero pad";
  return from;
}

size_t Reader::read_other(const Node& node) {
  std::vector<size_t> inputs;
  for (const Tensor& t : node.inputs)
    if (known(t)) inputs.push_back(layer(t));
  return add(Kind::other, spaced(node.primitive->name()), inputs);
}

bool Reader::rearranges(const Node& node) const {
  return as<Reshape>(node) || as<Transpose>(node) || as<Broadcast>(node) ||
         as<StopGradient>(node) || as<Cast>(node);
}

size_t Reader::read_node(const Node& node) {
  const Tensor& x = *std::ranges::find_if(node.inputs, [&](const Tensor& t) { return known(t); });
  auto norm = response_norms_.find(path_of(node));
  if (norm != response_norms_.end()) {
    if (norm->second == 0) norm->second = add(Kind::norm, "local response norm", {layer(x)});
    return norm->second;
  }
  if (rearranges(node)) return layer(x);
  if (auto* conv = as<ConvFwd>(node)) return read_conv(node, *conv);
  if (auto* back = as<ConvBwdData>(node)) {
    const size_t number = add(Kind::transposed_conv, "", {layer(x)});
    const Shape& w = node.inputs[1].shape();
    layers_[number].kernel = {w[1], w[2]};
    layers_[number].stride = {back->options().stride[0], back->options().stride[1]};
    layers_[number].groups = back->options().groups;
    return number;
  }
  if (as<Matmul>(node) && known(node.inputs[0]) && !known(node.inputs[1]))
    return add(Kind::linear, "", {layer(x)});
  if (as<MaxPool>(node) || as<AvgPool>(node))
    return read_pool(node, static_cast<const Pool&>(*node.primitive));
  auto* reduce = as<Reduce>(node);
  if (reduce && reduce->op() != ReduceOp::min && reduce->axes() == std::vector{1, 2}) {
    const bool sum = reduce->op() == ReduceOp::sum;
    const size_t number = add(sum ? Kind::avg_pool : Kind::max_pool, "", {layer(x)});
    layers_[number].kernel = layers_[number].stride = {x.dim(1), x.dim(2)};
    layers_[number].global = true;
    return number;
  }
  if (auto* affine = as<ScaleShift>(node)) {
    size_t number = attach(x, {Step::Kind::norm, "batch norm"});
    if (node.inputs.size() > 3 && known(node.inputs[3])) {
      enter(node, number);
      number = add(Kind::add, "", {number, layer(node.inputs[3])});
    }
    return activate(number, affine->relu());
  }
  if (auto* group = as<GroupNorm>(node))
    return attach(x, {Step::Kind::norm, norm_name(*group, x.shape())});
  if (auto* unary = as<Unary>(node)) {
    const bool relu6 = unary->op() == UnaryOp::clamp && unary->a() == 0 && unary->b() == 6;
    return attach(x, {Step::Kind::activation, relu6 ? "relu6" : spaced(unary->name())});
  }
  if (as<Softmax>(node)) return attach(x, {Step::Kind::activation, spaced(node.primitive->name())});
  if (auto* binary = as<Binary>(node)) return read_binary(node, *binary);
  if (as<Concat>(node)) {
    const size_t number = read_other(node);
    layers_[number].kind = Kind::concat;
    return number;
  }
  if (auto* slice = as<Slice>(node)) return read_slice(node, *slice);
  if (as<Pad>(node)) return read_pad(node);
  return read_other(node);
}

void Reader::read(std::span<const std::shared_ptr<Node>> nodes) {
  std::set<const Node*> reached{at_.begin()->first};
  std::vector<const Node*> path;  // the nodes that depend on the picture, in their order
  for (const auto& node : nodes) {
    std::set<const Node*> read;
    for (const Tensor& t : node->inputs)
      if (reached.contains(t.node().get())) read.insert(t.node().get());
    for (const Node* from : read) ++uses_[from].readers;
    if (read.empty()) continue;
    reached.insert(node.get());
    path.push_back(node.get());
    if (as<ChannelWindowSum>(*node)) response_norms_[path_of(*node)] = 0;
  }
  for (const Node* node : path) {
    const size_t number = read_node(*node);
    for (const Tensor& t : node->inputs)
      if (known(t) && layer(t) == number && (rearranges(*node) || as<AvgPool>(*node)))
        uses_[node].shared = !alone(t);
    enter(*node, number);
  }
}

// A norm or activation that one convolution or linear layer alone reads becomes part of it.
void Reader::join_forward() {
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

std::vector<DiagramLayer> Reader::finish() {
  join_forward();
  std::vector<size_t> number(layers_.size());
  std::vector<DiagramLayer> kept;
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (dead_.contains(i)) continue;
    number[i] = kept.size();
    kept.push_back(std::move(layers_[i]));
    for (size_t& from : kept.back().inputs) from = number[from];
  }
  return kept;
}

}  // namespace

std::vector<DiagramLayer> diagram(nn::Module& m, const Shape& input) {
  nn::Ctx ctx;
  Tensor x = nn::shaped({1, input.dim(0), input.dim(1), input.dim(2)});
  Tensor y = nn::forward(m, x, ctx);
  Reader reader(nn::parameters(m), x);
  reader.read(reachable(std::span(&y, 1)));
  return reader.finish();
}

}  // namespace fovea::models
