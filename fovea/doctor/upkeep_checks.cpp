// What a run's record tells of its layers, its time and its memory.
#include <algorithm>
#include <cmath>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "fovea/core/numbers.h"
#include "fovea/doctor/checks.h"
#include "fovea/doctor/record.h"

namespace fovea::doctor {

namespace {

// The largest value of a look under names that begin so.
struct Worst {
  std::string path;
  double value = 0;
};
Worst worst_of(const Record::Look& look, const std::string& prefix) {
  Worst w;
  for (const auto& [name, value] : look.values)
    if (name.starts_with(prefix) && value > w.value) w = {name.substr(prefix.size()), value};
  return w;
}

// "12 % at step 50, 86 % at step 1000"
std::string course_of(const Record& r, const std::string& name) {
  auto at = [&](const Record::Look& look) {
    auto value = look.values.find(name);
    return value == look.values.end()
               ? ""
               : fmt::format("{:.0f} % at step {}", 100 * value->second, look.step);
  };
  const std::string first = at(r.looks.front()), last = at(r.looks.back());
  return r.looks.size() == 1 || first.empty() ? last : first + ", " + last;
}

void check_activations(const Record& r, Findings& found) {
  struct Kind {
    std::string prefix, id, what, advice;
  };
  static const Kind kinds[] = {
      {"dead/",
       "relu.dead",
       "ReLUs of {} that give 0 for all of a batch: {}",
       "lower optimizer.lr or warm it up; if they were dead from the start, look at the first "
       "weights and biases, or take leaky ReLUs"},
      {"saturated/",
       "activation.saturated",
       "values of {} at an end of their range: {}",
       "its gradient is near 0 there: lower optimizer.lr, begin with smaller weights (Xavier), put "
       "a norm before it, or take ReLU"}};
  for (const Kind& k : kinds) {
    const Worst worst = worst_of(r.looks.back(), k.prefix);
    if (worst.value > 0.5)
      found.push_back(
          {k.id,
           worst.value > 0.9 ? Severity::problem : Severity::warning,
           0.8,
           fmt::format(fmt::runtime(k.what), worst.path, course_of(r, k.prefix + worst.path)),
           k.advice});
  }
}

void check_drift(const Record& r, Findings& found) {
  constexpr int64_t settled = 50;  // steps after which running statistics have left their start
  const Worst drift = worst_of(r.looks.back(), "drift/");
  if (drift.value <= 1 || r.looks.back().step < settled) return;
  found.push_back(
      {"batch_norm.drift",
       Severity::warning,
       0.7,
       fmt::format(
           "the running statistics of {} lie {:.1f} deviations from those of a batch at step {}",
           drift.path,
           drift.value,
           r.looks.back().step),
       "inference uses the running ones: train for more steps, let the rate fall at the end, or "
       "take larger batches"});
}

// Layers whose weights move by another order of magnitude than those of the others.
void check_ratios(const Record& r, Findings& found) {
  std::map<std::string, std::vector<double>> of;
  for (const Record::Look& look : r.looks)
    for (const auto& [name, value] : look.values)
      if (name.starts_with("update/")) of[name.substr(7)].push_back(value);
  std::vector<double> usual;
  for (const auto& item : of) usual.push_back(median_of(item.second));
  const double middle = median_of(usual);
  for (const auto& [name, values] : of) {
    const double ratio = median_of(values);
    const bool large = ratio > 0.1 && ratio > 30 * middle;
    const bool small = ratio < 1e-6 && ratio < middle / 100;
    if (!large && !small) continue;
    found.push_back(
        {"update.uneven",
         Severity::warning,
         0.6,
         fmt::format(
             "an update moves {} by {:.1g} of its size, the middle one of {} weights by {:.1g}; "
             "1e-3 is usual",
             name,
             ratio,
             of.size(),
             middle),
         large ? "its first weights are too small or its rate too large: give it a rate of its own "
                 "(optimizer.groups)"
               : "hardly any gradient reaches it, or its weights are too large: look for dead or "
                 "saturated layers behind it, or put norms between"});
    return;
  }
}

void check_waiting(const Record& r, const train::Recipe& recipe, Findings& found) {
  // The first epoch reads what later ones have in memory.
  double waited = 0, passed = 0;
  for (size_t i = r.epochs.size() > 1 ? 1 : 0; i < r.epochs.size(); ++i) {
    const double took = r.epochs[i].seconds - (i > 0 ? r.epochs[i - 1].seconds : 0);
    waited += r.epochs[i].waited * took;
    passed += took;
  }
  if (waited < 5 || waited < 0.2 * passed) return;
  const double share = waited / passed;
  const int workers = int(std::ceil(std::max(recipe.workers, 1) / (1 - std::min(share, 0.9))));
  Finding f{
      "data.waiting",
      Severity::warning,
      0.9,
      fmt::format(
          "{:.0f} of {:.0f} seconds the trainer waited for data, {:.0f} %, with data.workers = {}",
          waited,
          passed,
          100 * share,
          recipe.workers),
      fmt::format(
          "data.workers = {}, where there are processors for them; else keep the pictures in "
          "memory (data.cache_mb), store them in the size they are used in, or augment less",
          workers)};
  if (workers <= int(std::thread::hardware_concurrency()))
    f.changes = {{"data.workers", std::to_string(workers)}};
  found.push_back(std::move(f));
}

void check_growth(const Record& r, Findings& found) {
  if (r.epochs.size() < 2) return;
  // Buffers and caches are filled in the first half.
  std::vector<double> x, y;
  for (const Record::Point& p : r.points)
    if (p.own_mb > 0 && p.epoch > 1 && 2 * p.step >= r.last_step()) {
      x.push_back(double(p.step));
      y.push_back(p.own_mb);
    }
  const auto n = double(x.size());
  if (n < 8) return;
  double mx = 0, my = 0, xx = 0, xy = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) mx += x[i] / n, my += y[i] / n;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mx) * (x[i] - mx);
    xy += (x[i] - mx) * (y[i] - my);
    yy += (y[i] - my) * (y[i] - my);
  }
  const double grown = xy / xx * (x.back() - x.front());
  if (grown < std::max(64.0, 0.1 * my) || xy < 0.9 * std::sqrt(xx * yy)) return;
  found.push_back(
      {"memory.grows",
       Severity::warning,
       0.8,
       fmt::format(
           "memory besides the pictures kept went from {:.0f} to {:.0f} MB between steps {:.0f} "
           "and {:.0f}, {:.2g} MB a step",
           y.front(),
           y.back(),
           x.front(),
           x.back(),
           xy / xx),
       "something keeps what it should let go of: in a program of your own, look for tensors or "
       "batches that are stored at every step"});
}

}  // namespace

void check_layers(const Record& r, Findings& found) {
  if (r.looks.empty()) return;
  check_activations(r, found);
  check_drift(r, found);
  check_ratios(r, found);
}

void check_upkeep(const Record& r, const train::Recipe& recipe, Findings& found) {
  check_waiting(r, recipe, found);
  check_growth(r, found);
}

}  // namespace fovea::doctor
