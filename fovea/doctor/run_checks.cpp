// What a short run under the recipe tells.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/core/numbers.h"
#include "fovea/core/text.h"
#include "fovea/data/split.h"
#include "fovea/doctor/checks.h"
#include "fovea/nn/restore.h"
#include "fovea/optim/factory.h"
#include "fovea/train/evaluate.h"
#include "fovea/train/signals.h"
#include "fovea/train/step.h"

namespace fovea::doctor {

namespace {

struct Course {
  std::vector<double> losses;
  std::vector<double> ratios;  // of an update's norm to its weight's, over weights and steps
  int clipped = 0;             // steps whose gradient was cut to less than a hundredth
  std::string broke;           // what ended it
};

Course run(Patient& p, const CheckOptions& o) {
  models::Model& model = p.setup.model;
  data::LoaderOptions options = train::loader_options(p.recipe, p.setup, true);
  options.cache_bytes = 0;
  data::Loader loader(p.setup.source.train, options);
  const auto optimizer = optim::make_optimizer(p.recipe.optimizer);
  const auto schedule = optim::make_schedule(
      p.recipe.schedule,
      {.lr = optimizer->lr(),
       .total_steps = o.steps,
       .steps_per_epoch = std::max(1, o.steps / p.recipe.epochs)});
  const auto begin = std::chrono::steady_clock::now();
  Course c;
  int64_t epoch = 0;
  loader.start(epoch);
  for (int step = 0; step < o.steps;) {
    auto batch = loader.next();
    if (!batch) {
      loader.start(++epoch);
      continue;
    }
    optimizer->set_lr(schedule->lr(step));
    const bool looks = step % 10 == 5;
    const Tree before = looks ? nn::parameters(*model.net) : Tree();
    try {
      const train::StepResult r = train::train_step(
          model,
          *optimizer,
          *batch,
          Key(p.recipe.seed).fold_in(5).fold_in(uint64_t(step)),
          {.loss = p.setup.loss,
           .clip_norm = p.recipe.clip_norm,
           .frozen = &p.frozen,
           .regularization = p.recipe.regularization});
      c.losses.push_back(r.loss);
      c.clipped += p.recipe.clip_norm > 0 && r.grad_norm > 100 * p.recipe.clip_norm;
    } catch (const NonFiniteError& e) {
      c.broke = e.what();
      break;
    }
    if (looks)
      for (const auto& item : train::update_ratios(before, nn::parameters(*model.net)))
        c.ratios.push_back(item.second);
    ++step;
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > o.seconds)
      break;
  }
  return c;
}

// The share of pictures named rightly by the network as it trains, so that batch norm goes by the
// batch: its running statistics may not have settled.
double top1_in_training(const Patient& p, const data::DatasetPtr& pictures) {
  data::LoaderOptions options = train::loader_options(p.recipe, p.setup, false);
  options.workers = 0;
  data::Loader loader(pictures, options);
  train::Tally tally(p.setup.model.classes, 0);
  loader.start(0);
  while (auto batch = loader.next()) {
    if (batch->size() < 4) break;  // statistics of these would say nothing
    nn::Ctx ctx;
    ctx.training = true;
    ctx.key = Key(p.recipe.seed).fold_in(6).fold_in(uint64_t(batch->number));
    Tensor scores = nn::forward(*p.setup.model.net, batch->images, ctx);
    tally.add(scores.eval(), batch->labels, batch->indices);
  }
  return tally.result().top1;
}

// Whether the validation split is judged no better than by chance, two deviations allowed.
bool validation_guesses(const Patient& p) {
  const data::DatasetPtr& val = p.setup.source.val;
  if (!val || val->size() < 30) return false;  // too few to tell
  const int64_t n = std::min<int64_t>(val->size(), 500);
  std::vector<int64_t> some = data::permutation(val->size(), Key(p.recipe.seed));
  some.resize(size_t(n));
  const data::DatasetPtr pictures = data::subset(val, some);
  const std::vector<int64_t> counts = data::class_counts(*val);
  const double chance = double(*std::max_element(counts.begin(), counts.end())) /
                        double(std::accumulate(counts.begin(), counts.end(), int64_t(0)));
  const double more = chance + 2 * std::sqrt(chance * (1 - chance) / double(n));
  return train::evaluate(p.setup.model, pictures, {.workers = 0, .keep_mistakes = 0}).top1 <=
             more &&
         top1_in_training(p, pictures) <= more;
}

// Copies of the parameters that must stay as they are.
Tree frozen_tensors(const Patient& p) {
  Tree held;
  for (const auto& [name, t] : nn::parameters(*p.setup.model.net))
    if (p.frozen.holds(name)) held.emplace(name, t);
  return held;
}

void check_held(const Tree& held, const Patient& p, Findings& found) {
  std::vector<std::string> moved;
  const Tree now = nn::parameters(*p.setup.model.net);
  for (const auto& [name, t] : held)
    if (t.to_vector() != now.at(name).to_vector()) moved.push_back(name);
  if (!moved.empty())
    found.push_back(
        {"frozen.moves",
         Severity::problem,
         1,
         fmt::format("training changed what is frozen: {}", list_of(moved, 4)),
         "a layer of your own writes to its parameters: let it leave them to the optimiser"});
}

}  // namespace

void check_run(Patient& p, const CheckOptions& o, bool overfits, Findings& found) {
  const double even = p.guess() + p.penalty();  // of scores that know nothing
  const nn::Restore restore(*p.setup.model.net);
  const Tree held = frozen_tensors(p);
  const Course c = run(p, o);
  check_held(held, p, found);
  const double rate = optim::make_optimizer(p.recipe.optimizer)->lr();
  const size_t n = c.losses.size(), part = std::max<size_t>(1, n / 6);
  const std::string lower = fmt::format("{:.2g}", rate / 10);
  const double ratio = median_of(c.ratios);
  if (!c.broke.empty() || n == 0) {
    found.push_back(
        {"rate.high",
         Severity::problem,
         0.8,
         fmt::format(
             "the run broke off after {} at a rate of {:.2g}: {}",
             counted(n, "step"),
             rate,
             c.broke),
         "lower optimizer.lr by ten or a hundred",
         {{"optimizer.lr", lower}}});
    return;
  }
  const double first = c.losses.front(), last = mean_of(std::span(c.losses).last(part));
  std::string course =
      fmt::format("loss {:.3g} at first, {:.3g} after {}", first, last, counted(n, "step"));
  if (!c.ratios.empty())
    course += fmt::format("; an update moves weights by {:.1g} of their size in the median", ratio);
  if (double(c.clipped) > 0.9 * double(n)) {
    found.push_back(
        {"clip.small",
         Severity::problem,
         0.9,
         fmt::format("{} of {} gradients were cut to less than a hundredth", c.clipped, n),
         "train.clip_norm is far below the usual norm: raise it"});
    return;
  }
  const double most = *std::ranges::max_element(c.losses);
  const bool still = last > 0.98 * first || last > 0.97 * even;
  const bool jumped = still && most > first + 0.5 * even;  // and broke what could have learnt
  if (jumped) course += fmt::format("; meanwhile it was {:.3g}", most);
  if (jumped || last > first + 0.5 * even || (ratio > 0.3 && last > 0.9 * even)) {
    found.push_back(
        {"rate.high",
         Severity::problem,
         0.9,
         course,
         "lower optimizer.lr by ten",
         {{"optimizer.lr", lower}}});
    return;
  }
  const bool enough = int(n) >= std::min(o.steps, 30);  // steps to tell what cannot be learnt
  if (still && ratio < 1e-4 && !c.ratios.empty())
    found.push_back(
        {"rate.low",
         Severity::problem,
         0.9,
         course + "; 1e-3 is usual",
         "raise optimizer.lr",
         {{"optimizer.lr", fmt::format("{:.2g}", rate * 1e-3 / std::max(ratio, 1e-7))}}});
  else if (still && enough && ratio > 0.03)
    found.push_back(
        {"rate.high",
         Severity::problem,
         0.7,
         course + "; 1e-3 is usual",
         "lower optimizer.lr by ten",
         {{"optimizer.lr", lower}}});
  else if (overfits && enough && (validation_guesses(p) || (still && !p.setup.source.val)))
    found.push_back(
        {"labels.random",
         Severity::problem,
         0.6,
         course + "; 20 pictures alone were learnt, those of the validation split are guessed",
         "labels may not belong to their pictures (shuffled, or off by one), or the augmentation "
         "hides what tells classes apart"});
  // A schedule pressed into a few steps kills more ReLUs than the whole one does.
  for (const train::SignalStats& a : activations_of(p, p.batch(64))) {
    if (a.dead <= 0.5) continue;
    Finding dead{
        "relu.dead",
        still || a.dead > 0.9 ? Severity::warning : Severity::note,
        0.8,
        fmt::format("{:.0f} % of the ReLUs of {} died within {} steps", 100 * a.dead, a.name, n),
        "lower optimizer.lr, or warm it up"};
    if (dead.severity != Severity::note) dead.changes = {{"optimizer.lr", lower}};
    found.push_back(std::move(dead));
    break;
  }
}

}  // namespace fovea::doctor
