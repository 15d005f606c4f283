#include "fovea/graph/fuse.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "fovea/core/eval.h"
#include "fovea/core/node.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/shape.h"

namespace fovea::graph {

namespace {

template <class P>
const P* producer(const Tensor& t) {
  return t.node() ? dynamic_cast<const P*>(t.node()->primitive.get()) : nullptr;
}

class Fusion {
 public:
  explicit Fusion(std::span<Tensor> outputs) : nodes_(reachable(outputs)) {
    for (const auto& node : nodes_)
      for (const Tensor& t : node->inputs) ++uses_[t.value().get()];
    for (const Tensor& t : outputs) uses_[t.value().get()] += 2;  // never only one
    for (const auto& node : nodes_) {
      for (Tensor& t : node->inputs) redirect(t);
      if (Tensor now = fused(*node); !now.is_empty()) put(now, node);
    }
    for (Tensor& t : outputs) redirect(t);
  }

  int gone() const { return int(replaced_.size()); }

 private:
  bool only_use(const Tensor& t) const { return uses_.at(t.value().get()) == 1; }

  // The convolution behind `t` if it may still take something in.
  const ConvFwd* open_conv(const Tensor& t) const {
    auto* conv = producer<ConvFwd>(t);
    return conv && !conv->relu() && only_use(t) ? conv : nullptr;
  }

  // What node computes, as one node with its producer; empty if that cannot be.
  Tensor fused(const Node& node) const {
    if (auto* p = dynamic_cast<const ScaleShift*>(node.primitive.get()))
      return into_weights(*p, node.inputs);
    if (auto* p = dynamic_cast<const Unary*>(node.primitive.get()))
      if (p->op() == UnaryOp::relu) return with_relu(node.inputs[0]);
    if (auto* p = dynamic_cast<const Binary*>(node.primitive.get())) {
      const Tensor &a = node.inputs[0], &b = node.inputs[1];
      if (p->op() == BinaryOp::add) {
        Tensor y = with_residual(a, b);
        return y.is_empty() ? with_residual(b, a) : y;
      }
      if (p->op() == BinaryOp::mul) {
        Tensor y = with_factor(a, b);
        return y.is_empty() ? with_factor(b, a) : y;
      }
    }
    return {};
  }

  Tensor into_weights(const ScaleShift& p, std::span<const Tensor> in) const {
    const Tensor &scale = in[1], &shift = in[2];
    auto* conv = open_conv(in[0]);
    if (!conv || conv->residual() || !scale.is_evaluated() || !shift.is_evaluated()) return {};
    const auto& from = in[0].node()->inputs;
    if (!from[1].is_evaluated()) return {};
    Tensor w = from[1] * reshape(scale, {scale.dim(0), 1, 1, 1});
    Tensor b = conv->has_bias(from) ? from[2] * scale + shift : shift;
    eval({w, b});
    std::vector<Tensor> inputs{from[0], w, b};
    if (in.size() > 3) inputs.push_back(in[3]);
    return Tensor::output_of(
        std::make_shared<ConvFwd>(conv->options(), p.relu(), in.size() > 3), std::move(inputs));
  }

  // x times a constant for all channels or one for each.
  Tensor with_factor(const Tensor& x, const Tensor& factor) const {
    auto* conv = open_conv(x);
    if (!conv || conv->residual() || !factor.is_evaluated() || factor.dtype() != x.dtype() ||
        !(factor.rank() == 0 || factor.shape() == Shape{x.dim(-1)}))
      return {};
    std::vector<Tensor> inputs = x.node()->inputs;
    const bool bias = conv->has_bias(inputs);
    if (!inputs[1].is_evaluated() || (bias && !inputs[2].is_evaluated())) return {};
    inputs[1] = inputs[1] * (factor.rank() == 0 ? factor : reshape(factor, {x.dim(-1), 1, 1, 1}));
    if (bias) inputs[2] = inputs[2] * factor;
    eval(std::span(inputs).subspan(1));
    return Tensor::output_of(std::make_shared<ConvFwd>(conv->options()), std::move(inputs));
  }

  Tensor with_relu(const Tensor& x) const {
    if (auto* conv = open_conv(x))
      return Tensor::output_of(
          std::make_shared<ConvFwd>(conv->options(), true, conv->residual()), x.node()->inputs);
    auto* p = producer<ScaleShift>(x);
    if (!p || p->relu() || !only_use(x)) return {};
    return Tensor::output_of(std::make_shared<ScaleShift>(true), x.node()->inputs);
  }

  Tensor with_residual(const Tensor& x, const Tensor& other) const {
    auto* conv = open_conv(x);
    if (!conv || conv->residual() || !(x.shape() == other.shape()) || x.dtype() != other.dtype())
      return {};
    std::vector<Tensor> inputs = x.node()->inputs;
    inputs.push_back(other);
    return Tensor::output_of(
        std::make_shared<ConvFwd>(conv->options(), false, true), std::move(inputs));
  }

  // Puts `now` where `old` was, also in the order in which nodes run.
  void put(const Tensor& now, const std::shared_ptr<Node>& old) {
    Tensor before = Node::output(old, 0);
    now.node()->id = old->id;
    now.node()->where = old->where;
    const Tensor& x = old->inputs[0];
    now.node()->path = x.node() ? x.node()->path : old->path;
    uses_[now.value().get()] = uses_.at(before.value().get());
    replaced_.emplace(before.value().get(), now);
    kept_.push_back(before);
  }

  void redirect(Tensor& t) {
    if (auto it = replaced_.find(t.value().get()); it != replaced_.end()) t = it->second;
  }

  std::vector<std::shared_ptr<Node>> nodes_;
  std::unordered_map<const Value*, int> uses_;
  std::unordered_map<const Value*, Tensor> replaced_;
  std::vector<Tensor> kept_;  // so that no new value gets the address of an old one
};

}  // namespace

int fold_constants(std::span<Tensor> outputs, std::span<const Tensor> inputs) {
  std::unordered_set<const Value*> varying;
  for (const Tensor& t : inputs) varying.insert(t.value().get());
  std::unordered_set<const Node*> moving;
  auto varies = [&](const Tensor& t) {
    return varying.contains(t.value().get()) || (t.node() && moving.contains(t.node().get()));
  };
  std::vector<Tensor> constants;
  int evaluated = 0;
  for (const auto& node : reachable(outputs)) {
    if (std::ranges::any_of(node->inputs, varies)) {
      moving.insert(node.get());
      for (const Tensor& t : node->inputs)
        if (!varies(t) && !t.is_evaluated()) constants.push_back(t);
    } else {
      ++evaluated;
    }
  }
  for (const Tensor& t : outputs)
    if (!varies(t)) constants.push_back(t);
  eval(constants);
  return evaluated;
}

int fuse(std::span<Tensor> outputs) { return Fusion(outputs).gone(); }

}  // namespace fovea::graph
