// What can be wrong with settings and weights before the first step.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "fovea/core/eval.h"
#include "fovea/core/node.h"
#include "fovea/core/text.h"
#include "fovea/doctor/checks.h"
#include "fovea/optim/factory.h"

namespace fovea::doctor {

namespace {

double number_of(const std::map<std::string, std::string>& settings, const std::string& key) {
  auto at = settings.find(key);
  return at == settings.end() ? 0 : std::atof(at->second.c_str());
}

void check_schedule(const Patient& p, Findings& found) {
  const int64_t size = p.setup.source.train->size();
  const int64_t batches = std::max<int64_t>(1, size / p.recipe.batch);
  const int64_t steps = batches * p.recipe.epochs;
  const auto optimizer = optim::make_optimizer(p.recipe.optimizer);
  const auto schedule = optim::make_schedule(
      p.recipe.schedule, {.lr = optimizer->lr(), .total_steps = steps, .steps_per_epoch = batches});
  double highest = 0;
  const int64_t stride = std::max<int64_t>(1, steps / 1000);
  for (int64_t step = 0; step < steps; step += stride)
    highest = std::max(highest, schedule->lr(step));
  if (highest < 0.1 * optimizer->lr())
    found.push_back(
        {"schedule.never_rises",
         Severity::problem,
         1,
         fmt::format(
             "the rate never passes {:.2g} in {}; the recipe has {:.2g}",
             highest,
             counted(steps, "step"),
             optimizer->lr()),
         "the warm-up is longer than the run: shorten it or train for more epochs"});
  // The average is what is judged and saved.
  if (const double left = std::pow(p.recipe.ema, double(steps)); left > 0.5)
    found.push_back(
        {"average.slow",
         Severity::problem,
         1,
         fmt::format(
             "after {} the averaged weights are the first ones still, to {:.0f} %",
             counted(steps, "step"),
             100 * left),
         "an average over the last tenth of the run is usual for train.ema",
         {{"train.ema", fmt::format("{:.3g}", std::max(0.0, 1 - 10 / double(steps)))}}});
  const double decay = number_of(p.recipe.optimizer, "weight_decay") * optimizer->lr();
  if (decay * double(steps) > 20 || decay > 0.1)
    found.push_back(
        {"decay.strong",
         Severity::problem,
         0.9,
         fmt::format(
             "weight decay takes {:.2g} of every weight at every step, for {} steps", decay, steps),
         "1e-4 (SGD) to 0.05 (AdamW) are usual for optimizer.weight_decay"});
}

// The layer before `x`, through biases and changes of shape: convolution or product, with nothing
// between that is not linear.
std::shared_ptr<Node> linear_source(Tensor x) {
  while (std::shared_ptr<Node> node = x.value()->node) {
    const std::string_view op = node->primitive->name();
    if (op == "conv2d" || op == "matmul") return node;
    const bool bias = op == "add" && node->inputs.size() == 2 && !node->inputs[1].value()->node;
    if (node->primitive->kind() != Kind::view && !bias) return nullptr;
    x = node->inputs[0];
  }
  return nullptr;
}

void check_nonlinear(const Patient& p, const data::Batch& batch, Findings& found) {
  nn::Ctx ctx;
  const Tensor logits = nn::forward(*p.setup.model.net, batch.images, ctx);
  std::vector<std::string> pairs;
  for (const auto& node : reachable(std::vector<Tensor>{logits})) {
    const std::string_view op = node->primitive->name();
    if (!op.starts_with("conv2d") && op != "matmul") continue;
    const auto before = linear_source(node->inputs[0]);
    if (before && before->path && node->path && *before->path != *node->path)
      pairs.push_back(fmt::format("{} and {}", *before->path, *node->path));
  }
  if (!pairs.empty())
    found.push_back(
        {"model.linear",
         Severity::warning,
         0.9,
         fmt::format("nothing that is not linear stands between {}", list_of(pairs, 4)),
         "put a ReLU between them: two linear layers in a row can do no more than one"});
}

}  // namespace

void check_recipe(const Patient& p, Findings& found) {
  nn::Module& net = *p.setup.model.net;
  const Tree state = nn::state(net), parameters = nn::parameters(net);
  const bool has_norm = std::any_of(state.begin(), state.end(), [](const auto& entry) {
    return entry.first.ends_with("running_mean");
  });
  const int64_t batch = std::min(p.recipe.batch, p.setup.source.train->size());
  if (has_norm && batch < 4)
    found.push_back(
        {"batch.norm",
         batch == 1 ? Severity::problem : Severity::warning,
         1,
         fmt::format("batch norm takes its statistics from batches of {}", batch),
         "give train.batch 16 or more, or take layer or group norm"});
  if (p.recipe.label_smoothing > 0.5)
    found.push_back(
        {"loss.smoothing",
         Severity::problem,
         1,
         fmt::format("{} of each target goes to the other classes", p.recipe.label_smoothing),
         "0.1 is usual for train.label_smoothing",
         {{"train.label_smoothing", "0.1"}}});
  check_schedule(p, found);

  std::vector<std::string> frozen;
  for (const auto& [name, t] : parameters)
    if (p.frozen.holds(name)) frozen.push_back(name);
  if (frozen.size() == parameters.size() && !frozen.empty())
    found.push_back(
        {"frozen.all",
         Severity::problem,
         1,
         "every parameter is frozen",
         "leave the head out of model.freeze"});
  else if (!frozen.empty() && p.recipe.from.empty() && p.recipe.init.empty())
    found.push_back(
        {"frozen.random",
         Severity::problem,
         0.9,
         fmt::format("frozen at random values: {}", list_of(frozen, 4)),
         "freeze only what comes from a trained model: give model.from, or drop model.freeze"});
}

void check_weights(const Patient& p, Findings& found) {
  nn::Module& net = *p.setup.model.net;
  std::vector<std::string> broken, equal;
  const Tree parameters = nn::parameters(net);
  for (const auto& [name, t] : parameters) {
    const std::vector<float> w = t.to_vector();
    if (!std::all_of(w.begin(), w.end(), [](float v) { return std::isfinite(v); }))
      broken.push_back(name);
    if (t.rank() < 2 || t.dim(0) < 2) continue;
    const size_t row = w.size() / size_t(t.dim(0));
    bool same = true;
    for (size_t i = row; i < w.size() && same; ++i) same = w[i] == w[i - row];
    if (same) equal.push_back(name);
  }
  if (!broken.empty())
    found.push_back(
        {"weights.not_finite",
         Severity::problem,
         1,
         fmt::format("NaN or infinity in {}", list_of(broken, 4)),
         "the file they came from is damaged, or its training diverged"});
  // A head of zeros learns; layers below it would all get the same gradient, or none.
  const int64_t classes = p.setup.model.architecture.classes;
  auto head = std::find_if(equal.begin(), equal.end(), [&](const std::string& name) {
    return parameters.at(name).dim(0) == classes;
  });
  if (head != equal.end()) equal.erase(head);
  if (!equal.empty())
    found.push_back(
        {"init.symmetric",
         Severity::problem,
         1,
         fmt::format("all units of {} have the same weights", list_of(equal, 4)),
         "units that begin equal stay equal: begin with random weights (leave model.init out)"});
  if (broken.empty()) check_nonlinear(p, p.batch(2), found);
}

}  // namespace fovea::doctor
