#include "fovea/models/diagram.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/models/diagram_builder.h"
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

std::string spaced(std::string_view name) {
  std::string text(name);
  std::ranges::replace(text, '_', ' ');
  return text;
}

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
  Reader(const Tree& parameters, const Tensor& x) : layers_(parameters, x) {}

  std::vector<DiagramLayer> read(std::span<const std::shared_ptr<Node>> nodes);

 private:
  size_t read_conv(const Node& node, const ConvFwd& conv);
  size_t read_pool(const Node& node, const Pool& pool);
  size_t read_binary(const Node& node, const Binary& binary);
  size_t read_pad(const Node& node);
  size_t read_slice(const Node& node, const Slice& slice);
  size_t read_other(const Node& node);
  size_t read_node(const Node& node);

  DiagramBuilder layers_;
  std::map<std::string, size_t> response_norms_;  // by path; 0: not met yet
};

size_t Reader::read_conv(const Node& node, const ConvFwd& conv) {
  size_t number = layers_.add(Kind::conv, "", {layers_.number(node.inputs[0])});
  const Shape& w = node.inputs[1].shape();
  layers_[number].kernel = {w[1], w[2]};
  layers_[number].stride = {conv.options().stride[0], conv.options().stride[1]};
  layers_[number].groups = conv.options().groups;
  if (conv.residual()) {
    layers_.enter(node, number);
    number = layers_.add(Kind::add, "", {number, layers_.number(node.inputs.back())});
  }
  return layers_.activate(number, conv.relu());
}

size_t Reader::read_pool(const Node& node, const Pool& pool) {
  const auto [kh, sh] = window_of(pool.grid().rows);
  const auto [kw, sw] = window_of(pool.grid().columns);
  const size_t from = layers_.number(node.inputs[0]);
  if (kh == 1 && kw == 1 && node.inputs[0].shape() == node.outputs[0].spec.shape) return from;
  const size_t number =
      layers_.add(as<MaxPool>(node) ? Kind::max_pool : Kind::avg_pool, "", {from});
  layers_[number].kernel = {kh, kw};
  layers_[number].stride = {sh, sw};
  layers_[number].global = pool.grid().rows.size() == 1 && pool.grid().columns.size() == 1 &&
                           kh == pool.grid().height && kw == pool.grid().width;
  return number;
}

size_t Reader::read_binary(const Node& node, const Binary& binary) {
  const Tensor &a = node.inputs[0], &b = node.inputs[1];
  const bool add_op = binary.op() == BinaryOp::add, mul_op = binary.op() == BinaryOp::mul;
  if (layers_.known(a) && layers_.known(b)) {
    if (add_op || mul_op) return layers_.join(add_op ? Kind::add : Kind::multiply, a, b);
    if (binary.op() == BinaryOp::sub) return layers_.join(Kind::subtract, a, b);
    return read_other(node);
  }
  const Tensor &x = layers_.known(a) ? a : b, &other = layers_.known(a) ? b : a;
  const size_t from = layers_.number(x);
  DiagramLayer& l = layers_[from];
  if (!add_op && !mul_op) return read_other(node);
  if (add_op) return layers_.attach(x, {Step::Kind::scale, "shift"});
  if (l.kind == Kind::avg_pool && l.global && layers_.alone(x))
    return from;  // the sum becomes the mean
  if (other.numel() != 1 || !other.is_evaluated())
    return layers_.attach(x, {Step::Kind::scale, "scale"});
  const double factor = other.item<double>();
  if (l.kind == Kind::add && l.after.empty() && layers_.alone(x) &&
      std::abs(factor * double(l.inputs.size()) - 1) < 1e-6) {
    l.op = "mean";
    return from;
  }
  return layers_.attach(x, {Step::Kind::scale, fmt::format("x {:.3g}", factor)});
}

size_t Reader::read_slice(const Node& node, const Slice& slice) {
  const size_t number = read_other(node);
  if (slice.steps().size() == 4)
    layers_[number].stride = {slice.steps()[1].step, slice.steps()[2].step};
  return number;
}

// Channels of zeros behind a shortcut's slice make one layer with it.
size_t Reader::read_pad(const Node& node) {
  const size_t from = layers_.number(node.inputs[0]);
  if (layers_[from].op != "slice" || !layers_.alone(node.inputs[0])) return read_other(node);
  layers_[from].op = "zero pad";
  return from;
}

size_t Reader::read_other(const Node& node) {
  std::vector<size_t> inputs;
  for (const Tensor& t : node.inputs)
    if (layers_.known(t)) inputs.push_back(layers_.number(t));
  return layers_.add(Kind::other, spaced(node.primitive->name()), inputs);
}

size_t Reader::read_node(const Node& node) {
  const Tensor& x =
      *std::ranges::find_if(node.inputs, [&](const Tensor& t) { return layers_.known(t); });
  auto norm = response_norms_.find(path_of(node));
  if (norm != response_norms_.end()) {
    if (norm->second == 0)
      norm->second = layers_.add(Kind::norm, "local response norm", {layers_.number(x)});
    return norm->second;
  }
  if (rearranges(node)) return layers_.number(x);
  if (auto* conv = as<ConvFwd>(node)) return read_conv(node, *conv);
  if (auto* back = as<ConvBwdData>(node)) {
    const size_t number = layers_.add(Kind::transposed_conv, "", {layers_.number(x)});
    const Shape& w = node.inputs[1].shape();
    layers_[number].kernel = {w[1], w[2]};
    layers_[number].stride = {back->options().stride[0], back->options().stride[1]};
    layers_[number].groups = back->options().groups;
    return number;
  }
  if (as<Matmul>(node) && layers_.known(node.inputs[0]) && !layers_.known(node.inputs[1]))
    return layers_.add(Kind::linear, "", {layers_.number(x)});
  if (as<MaxPool>(node) || as<AvgPool>(node))
    return read_pool(node, static_cast<const Pool&>(*node.primitive));
  auto* reduce = as<Reduce>(node);
  if (reduce && reduce->op() != ReduceOp::min && reduce->axes() == std::vector{1, 2}) {
    const bool sum = reduce->op() == ReduceOp::sum;
    const size_t number =
        layers_.add(sum ? Kind::avg_pool : Kind::max_pool, "", {layers_.number(x)});
    layers_[number].kernel = layers_[number].stride = {x.dim(1), x.dim(2)};
    layers_[number].global = true;
    return number;
  }
  if (auto* affine = as<ScaleShift>(node)) {
    size_t number = layers_.attach(x, {Step::Kind::norm, "batch norm"});
    if (node.inputs.size() > 3 && layers_.known(node.inputs[3])) {
      layers_.enter(node, number);
      number = layers_.add(Kind::add, "", {number, layers_.number(node.inputs[3])});
    }
    return layers_.activate(number, affine->relu());
  }
  if (auto* group = as<GroupNorm>(node))
    return layers_.attach(x, {Step::Kind::norm, norm_name(*group, x.shape())});
  if (auto* unary = as<Unary>(node)) {
    const bool relu6 = unary->op() == UnaryOp::clamp && unary->a() == 0 && unary->b() == 6;
    return layers_.attach(x, {Step::Kind::activation, relu6 ? "relu6" : spaced(unary->name())});
  }
  if (as<Softmax>(node))
    return layers_.attach(x, {Step::Kind::activation, spaced(node.primitive->name())});
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

std::vector<DiagramLayer> Reader::read(std::span<const std::shared_ptr<Node>> nodes) {
  const std::vector<const Node*> depending = layers_.depending(nodes);
  for (const Node* node : depending)
    if (as<ChannelWindowSum>(*node)) response_norms_[path_of(*node)] = 0;
  for (const Node* node : depending) layers_.enter(*node, read_node(*node));
  return layers_.finish();
}

}  // namespace

std::vector<DiagramLayer> diagram(nn::Module& m, const Shape& input) {
  nn::Ctx ctx;
  Tensor x = nn::shaped({1, input.dim(0), input.dim(1), input.dim(2)});
  Tensor y = nn::forward(m, x, ctx);
  return Reader(nn::parameters(m), x).read(reachable(std::span(&y, 1)));
}

}  // namespace fovea::models
