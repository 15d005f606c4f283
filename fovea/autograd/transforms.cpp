#include "fovea/autograd/transforms.h"

#include <map>
#include <unordered_set>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/node.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"

namespace fovea {

namespace {

// A value is named by its producer and output number, or by itself when it is a leaf.
using Place = std::pair<const void*, int>;

Place place_of(const Tensor& t) {
  const auto& node = t.node();
  return node ? Place{node.get(), t.value()->output} : Place{t.value().get(), -1};
}

class GradientMap {
 public:
  void add(const Tensor& t, const Tensor& gradient) {
    if (gradient.is_empty()) return;
    if (!(gradient.shape() == t.shape()))
      throw std::logic_error(fmt::format(
          "a gradient of shape {} came back for a value of shape {}",
          gradient.shape().str(),
          t.shape().str()));
    Tensor& sum = sums_[place_of(t)];
    sum = sum.is_empty() ? gradient : sum + gradient;
  }
  Tensor take(Place place) {
    auto it = sums_.find(place);
    if (it == sums_.end()) return {};
    Tensor t = std::move(it->second);
    sums_.erase(it);
    return t;
  }
  Tensor at(Place place) const {
    auto it = sums_.find(place);
    return it == sums_.end() ? Tensor() : it->second;
  }

 private:
  std::map<Place, Tensor> sums_;
};

// Calls the node's rule for the inputs that lead to a wanted value and adds up what it gives.
void differentiate(
    const std::shared_ptr<Node>& node,
    std::span<const Tensor> douts,
    std::span<const int> leading,
    GradientMap& sums) {
  std::vector<Tensor> outs;
  for (size_t i = 0; i < node->outputs.size(); ++i) outs.push_back(Node::output(node, int(i)));
  PathScope scope(node->path);
  std::vector<Tensor> grads = node->primitive->vjp(node->inputs, outs, douts, leading);
  FOVEA_ASSERT(grads.size() == leading.size());
  for (size_t i = 0; i < grads.size(); ++i) sums.add(node->inputs[size_t(leading[i])], grads[i]);
}

}  // namespace

std::vector<Tensor> backward(
    std::span<const Tensor> outputs,
    std::span<const Tensor> douts,
    std::span<const Tensor> wanted) {
  if (outputs.size() != douts.size())
    throw std::invalid_argument(fmt::format(
        "[backward] expected one gradient per output, got {} for {}",
        douts.size(),
        outputs.size()));
  auto nodes = reachable(outputs, true);

  // Forward over the graph: which nodes lead to a wanted value, and through which inputs.
  std::map<Place, bool> targets;
  for (const Tensor& t : wanted) targets[place_of(t)] = true;
  std::unordered_set<const void*> leads;
  auto is_leading = [&](const Tensor& t) {
    return targets.contains(place_of(t)) || (t.node() && leads.contains(t.node().get()));
  };
  for (const auto& node : nodes)
    for (const Tensor& t : node->inputs)
      if (is_float(t.dtype()) && is_leading(t)) leads.insert(node.get());

  GradientMap sums;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (douts[i].is_empty() && outputs[i].numel() != 1)
      throw std::invalid_argument(fmt::format(
          "[backward] expected a scalar loss, got shape {}; give the gradient of each output",
          outputs[i].shape().str()));
    sums.add(outputs[i], douts[i].is_empty() ? full_like(outputs[i], 1) : douts[i]);
  }

  // Backward, each node once, after all that consume it.
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
    const auto& node = *it;
    if (!leads.contains(node.get())) continue;
    std::vector<Tensor> node_douts;
    bool any = false;
    for (int i = 0; i < int(node->outputs.size()); ++i) {
      Place place{node.get(), i};
      node_douts.push_back(targets.contains(place) ? sums.at(place) : sums.take(place));
      any |= !node_douts.back().is_empty();
    }
    if (!any) continue;
    std::vector<int> leading;
    for (int i = 0; i < int(node->inputs.size()); ++i)
      if (is_float(node->inputs[size_t(i)].dtype()) && is_leading(node->inputs[size_t(i)]))
        leading.push_back(i);
    differentiate(node, node_douts, leading, sums);
  }

  std::vector<Tensor> grads;
  for (const Tensor& t : wanted) {
    Tensor g = sums.at(place_of(t));
    grads.push_back(g.is_empty() ? zeros(t.shape(), t.dtype(), t.device()) : g);
  }
  return grads;
}

std::vector<Tensor> grad(const Tensor& output, std::span<const Tensor> wanted, const Tensor& dout) {
  return backward(std::span(&output, 1), std::span(&dout, 1), wanted);
}

Tensor grad(const Tensor& output, const Tensor& wanted, const Tensor& dout) {
  return grad(output, std::span(&wanted, 1), dout)[0];
}

Vjp vjp(const Fn& f, std::span<const Tensor> primals, std::span<const Tensor> douts) {
  // Fresh values that share the primals' memory, so that only what f does with them is followed.
  std::vector<Tensor> leaves;
  for (const Tensor& t : primals) {
    auto value = std::make_shared<Value>(*t.eval().value());
    value->node.reset();
    leaves.emplace_back(std::move(value));
  }
  TraceScope trace(leaves);
  std::vector<Tensor> values = f(leaves);
  std::vector<Tensor> grads = backward(values, douts, leaves);
  return {std::move(values), std::move(grads)};
}

namespace {

using Rule = std::function<std::vector<Tensor>(
    std::span<const Tensor> in, std::span<const Tensor> out, std::span<const Tensor> dout)>;

// Inputs: the n arguments of a function, then its results, which the outputs share memory with.
class CustomVjp : public Primitive {
 public:
  CustomVjp(std::string_view name, int n, Rule rule) : name_(name), n_(n), rule_(std::move(rule)) {}

  std::string_view name() const override { return name_; }
  Kind kind() const override { return Kind::view; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override {
    std::vector<Spec> specs;
    for (const Tensor& t : in.subspan(size_t(n_))) specs.push_back({t.shape(), t.dtype()});
    return specs;
  }
  View view(int output, std::span<const Tensor>) const override { return {n_ + output, 0}; }
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override {
    std::vector<Tensor> all = rule_(in.first(size_t(n_)), out, dout);
    if (int(all.size()) != n_)
      throw std::invalid_argument(
          fmt::format("[{}] expected {} gradients from the rule, got {}", name_, n_, all.size()));
    std::vector<Tensor> grads;
    for (int i : wanted) grads.push_back(i < n_ ? all[size_t(i)] : Tensor());
    return grads;
  }

 private:
  std::string_view name_;
  int n_;
  Rule rule_;
};

Fn with_rule(std::string_view name, Fn f, Rule rule) {
  return [=](std::span<const Tensor> in) {
    std::vector<Tensor> cut;
    for (const Tensor& t : in) cut.push_back(stop_gradient(t));
    std::vector<Tensor> results = f(cut);
    std::vector<Tensor> inputs(in.begin(), in.end());
    inputs.insert(inputs.end(), results.begin(), results.end());
    return Tensor::outputs_of(
        std::make_shared<CustomVjp>(name, int(in.size()), rule), std::move(inputs));
  };
}

}  // namespace

Fn checkpoint(Fn f) {
  Rule again =
      [f](std::span<const Tensor> in, std::span<const Tensor>, std::span<const Tensor> dout) {
        // Fresh nodes for the inputs, so that the walk ends there, inside this call of f.
        std::vector<Tensor> roots;
        for (const Tensor& t : in)
          roots.push_back(Tensor::output_of(std::make_shared<Reshape>(t.shape()), {t}));
        std::vector<Tensor> values = f(roots), filled(dout.begin(), dout.end());
        for (size_t i = 0; i < filled.size(); ++i)
          if (filled[i].is_empty()) filled[i] = full_like(values[i], 0);
        return backward(values, filled, roots);
      };
  return with_rule("checkpoint", std::move(f), std::move(again));
}

Fn custom_vjp(Fn f, Rule rule) { return with_rule("custom_vjp", std::move(f), std::move(rule)); }

}  // namespace fovea
