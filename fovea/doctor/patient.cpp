#include "fovea/doctor/patient.h"

#include <algorithm>
#include <cmath>

#include "fovea/core/eval.h"
#include "fovea/core/node.h"

namespace fovea::doctor {

Patient::Patient(const train::Recipe& r) : recipe(r), setup(train::set_up(r)) {
  frozen = train::freeze_modules(*setup.model.net, recipe.freeze);
}

data::Batch Patient::batch(int64_t most) const { return train::sample_batch(recipe, setup, most); }

Restore::Restore(nn::Module& net)
    : net_(net), parameters_(nn::parameters(net)), state_(nn::state(net)) {}

Restore::~Restore() {
  nn::assign(net_, parameters_);
  nn::assign(net_, state_);
}

namespace {

Activation measure(const Node& node, const Tensor& y) {
  Activation a{node.path ? *node.path : "", std::string(node.primitive->name())};
  const auto values = y.data<float>();
  const auto channels = size_t(y.dim(y.rank() - 1));
  std::vector<bool> alive(channels, false);
  const double near = a.op == "sigmoid" ? 0.01 : 0.99;
  double sum = 0, squares = 0, ends = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double v = values[i];
    if (v != 0) alive[i % channels] = true;
    ends += a.op == "sigmoid" ? v < near || v > 1 - near : std::abs(v) > near;
    sum += v;
    squares += v * v;
  }
  const double n = double(values.size());
  a.std = std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n)));
  if (a.op == "relu")
    a.dead = double(std::count(alive.begin(), alive.end(), false)) / double(channels);
  else
    a.saturated = ends / n;
  return a;
}

}  // namespace

std::vector<Activation> activations(nn::Module& net, const data::Batch& batch) {
  nn::Ctx ctx;
  ctx.training = true;
  std::vector<Tensor> wanted{nn::forward(net, batch.images, ctx)};
  std::vector<std::shared_ptr<Node>> nodes;
  for (const auto& node : reachable(wanted)) {
    const std::string_view op = node->primitive->name();
    if (op != "relu" && op != "tanh" && op != "sigmoid") continue;
    nodes.push_back(node);
    wanted.push_back(Node::output(node, 0));
  }
  eval(wanted);
  std::vector<Activation> all;
  for (size_t i = 0; i < nodes.size(); ++i) all.push_back(measure(*nodes[i], wanted[i + 1]));
  return all;
}

}  // namespace fovea::doctor
