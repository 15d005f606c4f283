#include "fovea/train/vital_signs.h"

#include <algorithm>
#include <cmath>

#include "fovea/core/eval.h"
#include "fovea/core/node.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/slice.h"

namespace fovea::train {

namespace {

constexpr int64_t pictures = 64;  // that are enough to call a unit dead

Activation measure(const std::string& path, const std::string& op, const Tensor& y) {
  Activation a{path, op};
  const auto values = y.data<float>();
  const auto channels = size_t(y.dim(-1));
  std::vector<char> alive(channels, 0);
  const bool relu = op == "relu";
  const double lowest = op == "sigmoid" ? 0.01 : -0.99;
  double sum = 0, squares = 0, ends = 0;
  for (size_t row = 0; row < values.size(); row += channels)
    for (size_t c = 0; c < channels; ++c) {
      const double v = values[row + c];
      alive[c] |= char(v != 0);
      ends += !relu && (v < lowest || v > 0.99);
      sum += v;
      squares += v * v;
    }
  const double n = double(values.size());
  a.std = std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n)));
  if (relu) a.dead = double(std::count(alive.begin(), alive.end(), 0)) / double(channels);
  a.saturated = ends / n;
  return a;
}

NormDrift drift_of(
    const std::string& path,
    double eps,
    const Tensor& mean,
    const Tensor& rstd,
    const Tree& state) {
  const std::vector<float> old_mean = state.at(path + ".running_mean").to_vector();
  const std::vector<float> old_var = state.at(path + ".running_var").to_vector();
  const auto m = mean.data<float>(), r = rstd.data<float>();
  double means = 0, variances = 0;
  for (size_t c = 0; c < m.size(); ++c) {
    const double var = std::max(1 / (double(r[c]) * r[c]) - eps, 0.0) + eps, old = old_var[c] + eps;
    means += std::pow(m[c] - old_mean[c], 2) / old;
    variances += std::pow(std::log(var / old), 2);
  }
  const double n = double(m.size());
  return {path, std::sqrt(means / n), std::sqrt(variances / n)};
}

}  // namespace

LayerSigns look_at_layers(nn::Module& net, const Tensor& images, const Frozen& frozen) {
  nn::Ctx ctx;
  ctx.training = true;
  ctx.frozen = frozen.modules;
  const bool all = images.dim(0) <= pictures;
  std::vector<Tensor> wanted{nn::forward(net, all ? images : slice(images, 0, {0, pictures}), ctx)};
  struct Seen {
    std::string path, op;
    size_t at;                              // of the value among `wanted`
    std::shared_ptr<const Primitive> norm;  // whose mean and 1 / std follow it; else null
  };
  std::vector<Seen> seen;
  const Tree state = nn::state(net);
  for (const auto& node : reachable(wanted)) {
    const std::string op(node->primitive->name()), path = node->path ? *node->path : "";
    const auto* norm = dynamic_cast<const BatchNormTrain*>(node->primitive.get());
    const bool kept = norm && state.contains(path + ".running_var");
    if (!kept && op != "relu" && op != "tanh" && op != "sigmoid") continue;
    seen.push_back({path, op, wanted.size(), kept ? node->primitive : nullptr});
    for (int i = 0; i < (kept ? 3 : 1); ++i) wanted.push_back(Node::output(node, i));
  }
  eval(wanted);
  LayerSigns signs;
  for (const Seen& s : seen) {
    const auto* norm = dynamic_cast<const BatchNormTrain*>(s.norm.get());
    if (norm)
      signs.drifts.push_back(
          drift_of(s.path, norm->options().eps, wanted[s.at + 1], wanted[s.at + 2], state));
    if (!norm || norm->options().relu)
      signs.activations.push_back(measure(s.path, norm ? "relu" : s.op, wanted[s.at]));
  }
  return signs;
}

double norm_of(std::span<const float> values) {
  double sum = 0;
  for (float v : values) sum += double(v) * v;
  return std::sqrt(sum);
}

std::map<std::string, double> update_ratios(const Tree& before, const Tree& after) {
  std::map<std::string, double> ratios;
  for (const auto& [name, old] : before) {
    if (old.rank() < 2) continue;
    const auto a = old.data<float>(), b = after.at(name).data<float>();
    double moved = 0;
    for (size_t i = 0; i < a.size(); ++i) moved += std::pow(double(b[i]) - a[i], 2);
    const double size = norm_of(a);
    if (size > 0 && moved > 0) ratios[name] = std::sqrt(moved) / size;
  }
  return ratios;
}

bool VitalSigns::due(int64_t step) const {
  const int64_t every = steps_ < 100 ? std::max<int64_t>(1, (steps_ + 1) / 2)
                                     : std::max<int64_t>(50, (steps_ + 19) / 20);
  return step % every == 0 || step == steps_;
}

void VitalSigns::before_step() { before_ = nn::parameters(net_); }

std::map<std::string, double> VitalSigns::after_step(const Tensor& images, const Frozen& frozen) {
  std::map<std::string, double> values;
  for (const auto& [name, ratio] : update_ratios(before_, nn::parameters(net_)))
    values["update/" + name] = ratio;
  before_.clear();
  const LayerSigns signs = look_at_layers(net_, images, frozen);
  // Of a nonlinearity that runs more than once, the worst.
  auto worst = [&](const std::string& name, double value) {
    double& kept = values.try_emplace(name, value).first->second;
    kept = std::max(kept, value);
  };
  for (const Activation& a : signs.activations)
    worst(
        (a.op == "relu" ? "dead/" : "saturated/") + a.path, a.op == "relu" ? a.dead : a.saturated);
  for (const NormDrift& d : signs.drifts) worst("drift/" + d.path, std::max(d.mean, d.log_var));
  return values;
}

}  // namespace fovea::train
