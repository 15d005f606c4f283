// What a short run under the recipe tells.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/core/numbers.h"
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

// Whether the validation split is judged no better than by chance, two deviations allowed.
bool validation_guesses(const Patient& p) {
  const data::DatasetPtr& val = p.setup.source.val;
  if (!val || val->size() < 30) return false;  // too few to tell
  const int64_t n = std::min<int64_t>(val->size(), 500);
  std::vector<int64_t> some;
  for (int64_t i = 0; i < n; ++i) some.push_back(i * val->size() / n);
  const double top1 =
      train::evaluate(p.setup.model, data::subset(val, some), {.workers = 0, .keep_mistakes = 0})
          .top1;
  const std::vector<int64_t> counts = data::class_counts(*val);
  const double chance = double(*std::max_element(counts.begin(), counts.end())) /
                        double(std::accumulate(counts.begin(), counts.end(), int64_t(0)));
  return top1 <= chance + 2 * std::sqrt(chance * (1 - chance) / double(n));
}

}  // namespace

void check_run(Patient& p, const CheckOptions& o, bool overfits, Findings& found) {
  const nn::Restore restore(*p.setup.model.net);
  const Course c = run(p, o);
  const double rate = optim::make_optimizer(p.recipe.optimizer)->lr();
  const size_t n = c.losses.size(), part = std::max<size_t>(1, n / 6);
  const std::string lower = fmt::format("{:.2g}", rate / 10);
  const double ratio = median_of(c.ratios);
  if (!c.broke.empty() || n == 0) {
    found.push_back(
        {"rate.high",
         Severity::problem,
         0.8,
         fmt::format("the run broke off after {} steps at a rate of {:.2g}: {}", n, rate, c.broke),
         "lower optimizer.lr by ten or a hundred",
         {{"optimizer.lr", lower}}});
    return;
  }
  const double first = c.losses.front(), last = mean_of(std::span(c.losses).last(part));
  const double even = std::log(double(p.setup.model.architecture.classes));
  std::string course = fmt::format("loss {:.3g} at first, {:.3g} after {} steps", first, last, n);
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
  if (last > first + 0.5 * even || (ratio > 0.3 && last > 0.9 * even)) {
    found.push_back(
        {"rate.high",
         Severity::problem,
         0.9,
         course,
         "lower optimizer.lr by ten",
         {{"optimizer.lr", lower}}});
    return;
  }
  const bool still = last > 0.98 * first || last > 0.97 * even;
  const bool guesses = validation_guesses(p);
  if (still && ratio < 1e-4)
    found.push_back(
        {"rate.low",
         Severity::problem,
         0.9,
         course + "; 1e-3 is usual",
         "raise optimizer.lr",
         {{"optimizer.lr", fmt::format("{:.2g}", rate * 1e-3 / std::max(ratio, 1e-7))}}});
  else if (still && ratio > 0.03)
    found.push_back(
        {"rate.high",
         Severity::problem,
         0.7,
         course + "; 1e-3 is usual",
         "lower optimizer.lr by ten",
         {{"optimizer.lr", lower}}});
  else if (overfits && (guesses || (still && !p.setup.source.val)))
    found.push_back(
        {"labels.random",
         Severity::problem,
         0.6,
         course + "; 20 pictures alone were learnt, those of the validation split are guessed",
         "labels may not belong to their pictures (shuffled, or off by one), or the augmentation "
         "hides what tells classes apart"});
  for (const train::SignalStats& a : activations_of(p, p.batch(64)))
    if (a.dead > 0.5) {
      found.push_back(
          {"relu.dead",
           Severity::warning,
           0.8,
           fmt::format("{:.0f} % of the ReLUs of {} died within {} steps", 100 * a.dead, a.name, n),
           "lower optimizer.lr, or warm it up",
           {{"optimizer.lr", lower}}});
      break;
    }
}

}  // namespace fovea::doctor
