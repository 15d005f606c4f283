// What the first loss, activations and gradients tell.
#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/doctor/checks.h"
#include "fovea/nn/grad.h"
#include "fovea/nn/restore.h"
#include "fovea/ops/slice.h"
#include "fovea/optim/factory.h"
#include "fovea/train/signals.h"
#include "fovea/train/step.h"

namespace fovea::doctor {

namespace {

void check_activations(const Patient& p, const data::Batch& batch, Findings& found) {
  for (const train::SignalStats& a : activations_of(p, batch)) {
    if (a.dead > 0.9)
      found.push_back(
          {"relu.dead",
           Severity::problem,
           0.9,
           fmt::format(
               "{:.0f} % of the ReLUs of {} give 0 for every one of {} pictures",
               100 * a.dead,
               a.name,
               batch.size()),
           "nothing is learnt through them: look at their biases and at the initialisation"});
    else if (a.saturated > 0.5)
      found.push_back(
          {"activation.saturated",
           Severity::problem,
           0.9,
           fmt::format(
               "{:.0f} % of the values of {} ({}) are at an end of its range",
               100 * a.saturated,
               a.name,
               a.op),
           "its gradient is near 0 there: begin with smaller weights (Xavier), or take ReLU"});
    else if (a.std < 1e-4)
      found.push_back(
          {"signal.vanishes",
           Severity::problem,
           0.9,
           fmt::format("the values of {} ({}) have a deviation of {:.1g}", a.name, a.op, a.std),
           "the signal dies on its way: begin with larger weights (He for ReLU), or use batch "
           "norm"});
    else
      continue;
    return;  // what follows has the same cause
  }
}

struct First {
  double loss = 0;
  std::vector<std::string> without;  // trained parameters with a gradient of 0
  bool finite = true;
};

First first_step(const Patient& p, const data::Batch& batch) {
  nn::Module& net = *p.setup.model.net;
  nn::Ctx ctx;
  ctx.training = true;
  ctx.key = Key(p.recipe.seed).fold_in(5);
  ctx.frozen = p.frozen.modules;
  auto loss = [&](nn::Ctx& c) {
    return train::classification_loss(
        nn::forward(net, batch.images, c), batch.labels, p.setup.loss);
  };
  nn::LossAndGrad r = nn::value_and_grad(
      net, ctx, loss, [&](std::string_view name) { return !p.frozen.holds(name); });
  std::vector<Tensor> wanted = values_of(r.grads);
  wanted.push_back(r.loss);
  eval(wanted);
  First f;
  f.loss = r.loss.item<double>();
  f.finite = std::isfinite(f.loss);
  for (const auto& [name, g] : r.grads)
    if (train::norm_of(g.to_vector()) == 0) f.without.push_back(name);
  return f;
}

// "ln 10 = 2.3", "10 - 1 = 9"
std::string words_of_guess(const Patient& p) {
  const int64_t classes = p.setup.model.architecture.classes;
  if (p.setup.loss.hinge != train::Hinge::none)
    return fmt::format("{} - 1 = {:.3g}", classes, p.guess());
  return fmt::format(
      "{}{:.3g}", p.setup.loss.focal_gamma ? "" : fmt::format("ln {} = ", classes), p.guess());
}

// Inference must be a function of one picture: not of its neighbours, and not of chance.
void check_inference(const Patient& p, const data::Batch& batch, Findings& found) {
  auto scores = [&](const Tensor& x) {
    nn::Ctx ctx;
    return nn::forward(*p.setup.model.net, x, ctx).to_vector();
  };
  const std::vector<float> all = scores(batch.images), again = scores(batch.images);
  const std::vector<float> one = scores(slice(batch.images, 0, {0, 1}));
  float scale = 1e-6f, random = 0, neighbours = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    scale = std::max(scale, std::abs(all[i]));
    random = std::max(random, std::abs(all[i] - again[i]));
  }
  for (size_t i = 0; i < one.size(); ++i)
    neighbours = std::max(neighbours, std::abs(one[i] - all[i]));
  if (random > 1e-4f * scale)
    found.push_back(
        {"inference.random",
         Severity::problem,
         1,
         fmt::format("two evaluations of the same pictures differ by {:.2g}", random),
         "a layer such as dropout is at work at inference: let it look at Ctx::training"});
  else if (neighbours > 1e-3f * scale)
    found.push_back(
        {"inference.neighbours",
         Severity::problem,
         1,
         fmt::format(
             "a picture's scores change by {:.2g} with the others of its batch", neighbours),
         "a layer takes statistics of the batch at inference: let it use its running ones"});
}

}  // namespace

void check_start(const Patient& p, const CheckOptions& o, Findings& found) {
  const data::Batch batch = p.batch(std::clamp<int64_t>(p.recipe.batch, 2, o.batch));
  check_activations(p, batch, found);
  check_inference(p, batch, found);
  const First f = first_step(p, batch);
  const double guess = p.guess(), penalty = p.penalty();
  if (!f.finite || f.loss > std::max(2 * guess, guess + 2))
    found.push_back(
        {"loss.initial",
         p.recipe.from.empty() ? Severity::problem : Severity::warning,
         0.8,
         fmt::format(
             "the first loss is {:.3g}; scores that know nothing give {}",
             f.loss,
             words_of_guess(p)),
         "the first weights, or the inputs, are too large"});
  else if (penalty > 10 * guess)
    found.push_back(
        {"loss.penalty",
         Severity::problem,
         0.8,
         fmt::format(
             "the penalty of the weights raises the first loss from {:.3g} to {:.3g}",
             f.loss,
             f.loss + penalty),
         fmt::format(
             "the network would learn to have small weights and nothing else: take {:.0g} of "
             "regularize.l1 and l2",
             0.1 * guess / penalty)});
  if (!f.without.empty() && f.finite)
    found.push_back(
        {"gradient.none",
         Severity::problem,
         0.9,
         fmt::format(
             "{} trained parameters get no gradient, the first {}",
             f.without.size(),
             f.without.front()),
         "the loss does not depend on them: is a layer left out, or all behind it dead?"});
}

bool check_overfit(Patient& p, const CheckOptions& o, Findings& found) {
  if (!p.frozen.modules.empty() || p.setup.source.train->size() < 20) return true;
  models::Model& model = p.setup.model;
  const nn::Restore restore(*model.net);
  const data::Batch batch = p.batch(20);
  const auto optimizer = optim::make_optimizer({{"name", "adam"}, {"lr", "0.001"}});
  const auto begin = std::chrono::steady_clock::now();
  const double even = std::log(double(model.architecture.classes));
  // Dropout stands in the way of training, not of what is learnt.
  auto learnt = [&] {
    nn::Ctx ctx;
    const Tensor scores = nn::forward(*model.net, batch.images, ctx);
    return train::classification_loss(scores, batch.labels).item<double>() < 0.05 * even;
  };
  double loss = 0;
  int step = 0;
  for (; step < 300; ++step) {
    try {
      loss = train::train_step(model, *optimizer, batch, Key(1).fold_in(uint64_t(step))).loss;
    } catch (const NonFiniteError&) {
      break;
    }
    if (loss < 0.05 * even) return true;
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > o.seconds)
      return true;  // not decided
  }
  if (std::isfinite(loss) && learnt()) return true;
  found.push_back(
      {"overfit.fails",
       Severity::problem,
       0.8,
       fmt::format(
           "20 pictures cannot be learnt by heart: loss {:.3g} after {} steps without "
           "augmentation, decay and penalties",
           loss,
           step),
       "look for a layer that loses the signal, labels that contradict pictures, or dropout that "
       "is too strong"});
  return false;
}

}  // namespace fovea::doctor
