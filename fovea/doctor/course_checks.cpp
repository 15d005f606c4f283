// What the curves of loss and accuracy tell.
#include <algorithm>
#include <cmath>
#include <limits>
#include <ranges>

#include <fmt/format.h>

#include "fovea/core/numbers.h"
#include "fovea/core/text.h"
#include "fovea/doctor/checks.h"
#include "fovea/doctor/record.h"
#include "fovea/optim/factory.h"

namespace fovea::doctor {

namespace {

using Points = std::vector<Record::Point>;

double mean_loss(const Points& points, double from, double to) {
  const double n = double(points.size());
  const auto begin = size_t(from * n), end = std::max(size_t(std::ceil(to * n)), begin + 1);
  double sum = 0;
  for (size_t i = begin; i < std::min(end, points.size()); ++i) sum += points[i].loss;
  return sum / double(std::min(end, points.size()) - begin);
}

// The least mean over a sixth of the curve.
double best_loss(const Points& points) {
  double best = std::numeric_limits<double>::infinity();
  for (double from = 0; from + 1.0 / 6 <= 1; from += 1.0 / 24)
    best = std::min(best, mean_loss(points, from, from + 1.0 / 6));
  return best;
}

// By how much updates move weights: over the layers the median, over the looks the largest or the
// median. 0 where nobody looked; looks at a rate that has fallen to less than a tenth do not count.
struct Ratios {
  double largest = 0, usual = 0;
};
Ratios ratios_of(const Record& r, double highest_lr) {
  std::vector<double> medians;
  for (const Record::Look& look : r.looks) {
    auto lr = look.values.find("lr");
    if (lr != look.values.end() && lr->second < 0.1 * highest_lr) continue;
    std::vector<double> layers;
    for (const auto& [name, value] : look.values)
      if (name.starts_with("update/")) layers.push_back(value);
    if (!layers.empty()) medians.push_back(median_of(layers));
  }
  return {medians.empty() ? 0 : *std::ranges::max_element(medians), median_of(medians)};
}

// The course of a run in words and numbers.
struct Course {
  double first = 0, last = 0, best = 0;
  double guess = 0;   // the loss of scores that know nothing; that of the first points if not known
  double lr = 0;      // the highest
  double set_lr = 0;  // the recipe's
  Ratios ratios;
  std::string words;
};

Course course_of(const Record& r, const train::Recipe& recipe) {
  const bool weighted = recipe.focal_gamma && recipe.weighting != train::ClassWeighting::none;
  Course c;
  c.first = r.points.front().loss;
  c.last = mean_loss(r.points, 5.0 / 6, 1);
  c.best = best_loss(r.points);
  c.guess = r.classes > 1 && !weighted
                ? train::guessing_loss(
                      r.classes, {.focal_gamma = recipe.focal_gamma, .hinge = recipe.hinge})
                : c.first;
  for (const Record::Point& p : r.points) c.lr = std::max(c.lr, p.lr);
  c.set_lr = optim::make_optimizer(recipe.optimizer)->lr();
  c.ratios = ratios_of(r, c.lr);
  c.words = fmt::format(
      "loss {:.3g} at first, {:.3g} after {}, at a rate of up to {:.2g}",
      c.first,
      c.last,
      counted(r.last_step(), "step"),
      c.lr);
  if (c.ratios.largest > 0)
    c.words += fmt::format(
        "; an update moves weights by {:.1g} of their size in the median, where 1e-3 is usual",
        c.ratios.usual);
  return c;
}

using Changes = decltype(Finding::changes);

Changes rate_times(const Course& c, double factor) {
  return {{"optimizer.lr", fmt::format("{:.2g}", c.set_lr * factor)}};
}

void check_broken(const Record& r, const Course& c, Findings& found) {
  const std::string saw =
      fmt::format("a number was not finite after step {}; {}", r.broken_step, c.words);
  const bool calm = c.ratios.largest > 0 && c.ratios.largest < 0.01 && c.last < c.first;
  if (calm)
    found.push_back(
        {"loss.not_finite",
         Severity::problem,
         0.6,
         saw,
         "updates were small, so look for a layer, a picture or a loss that gives infinity: the "
         "message of the run names the first op and the pictures"});
  else
    found.push_back(
        {"rate.high",
         Severity::problem,
         0.8,
         saw,
         "lower optimizer.lr by ten, or set train.clip_norm to 1",
         rate_times(c, 0.1)});
}

bool has(const Findings& found, std::string_view id) {
  return std::ranges::find(found, id, &Finding::id) != found.end();
}

}  // namespace

bool check_learning(
    const Record& r, const train::Recipe& recipe, bool layers_ill, Findings& found) {
  if (r.points.empty()) {
    if (r.broken)
      found.push_back(
          {"rate.high",
           Severity::problem,
           0.6,
           fmt::format("a number was not finite after step {}", r.broken_step),
           "lower optimizer.lr by ten; if that does not help, `fovea doctor RECIPE.toml` looks at "
           "data and first weights"});
    return false;
  }
  const Course c = course_of(r, recipe);
  if (r.broken) {
    check_broken(r, c, found);
    return false;
  }
  const bool exploded = c.last > std::max(c.first, c.guess) + 0.5 * c.guess;
  const bool lost = c.best < 0.7 * c.guess && c.last > c.best + 0.4 * c.guess;
  if (exploded || lost || !std::isfinite(c.last)) {
    found.push_back(
        {"rate.high",
         Severity::problem,
         0.9,
         c.words + (lost ? fmt::format("; it had been {:.3g}", c.best) : ""),
         "lower optimizer.lr by ten, or set train.clip_norm to 1",
         rate_times(c, 0.1)});
    return false;
  }
  // A third of the run may be a warm-up.
  if (r.last_step() < 30 || 10 * r.last_step() < 3 * r.steps) return true;
  double reached = 0, n = 0;  // accuracy of the last sixth
  for (size_t i = r.points.size() * 5 / 6; i < r.points.size(); ++i) {
    reached += r.points[i].top1;
    ++n;
  }
  const double guessed = r.classes > 0 ? 1 / double(r.classes) : 0;
  const double gained = reached / n - std::max(r.points.front().top1, guessed);
  const bool still = c.last > 0.97 * std::min(c.first, c.guess) && !(gained > 0.05);
  const double most = std::ranges::max(r.points, {}, &Record::Point::loss).loss;
  const bool jumped = most > c.first + 0.3 * c.guess;  // and broke what could have learnt
  if (still && (jumped || c.ratios.largest > 0.03))
    found.push_back(
        {"rate.high",
         Severity::problem,
         0.7,
         c.words + (jumped ? fmt::format("; meanwhile it was {:.3g}", most) : ""),
         "lower optimizer.lr by ten",
         rate_times(c, 0.1)});
  else if (still && c.ratios.largest > 0 && c.ratios.largest < 1e-4)
    found.push_back(
        {"rate.low",
         Severity::problem,
         0.9,
         c.words,
         "raise optimizer.lr, or let `fovea find-lr` find one",
         rate_times(c, 1e-3 / std::max(c.ratios.largest, 1e-7))});
  else if (still && !layers_ill)
    found.push_back(
        {"loss.still",
         Severity::problem,
         0.7,
         c.words,
         "nothing is learnt though weights move: see what `fovea doctor RECIPE.toml` says of "
         "labels, inputs and the first weights"});
  return !still;
}

void check_pace(const Record& r, const train::Recipe& recipe, Findings& found) {
  if (2 * r.last_step() < r.steps) return;
  const Course c = course_of(r, recipe);
  const bool fresh = recipe.from.empty() && recipe.init.empty();
  const double before = mean_loss(r.points, 0.5, 0.75), after = mean_loss(r.points, 0.75, 1);
  if (fresh && c.ratios.largest > 0 && c.ratios.largest < 1e-4 && c.last > 0.5 * c.first &&
      after < before) {
    found.push_back(
        {"rate.low",
         Severity::warning,
         0.8,
         c.words + "; the loss falls all the time, and slowly",
         "raise optimizer.lr, or let `fovea find-lr` find one",
         rate_times(c, 1e-3 / std::max(c.ratios.largest, 1e-7))});
    return;
  }
  if (c.ratios.usual > 0.03 && c.last > 0.3 * c.guess) {
    found.push_back(
        {"rate.high",
         Severity::warning,
         0.6,
         c.words,
         "lower optimizer.lr: it learns, but updates this large keep it from settling",
         rate_times(c, 0.3)});
    return;
  }
  double rate = 0;  // mean over the second half
  for (const Record::Point& p : r.points)
    if (p.step > r.last_step() / 2) rate = std::max(rate, p.lr);
  const bool even = r.points.back().lr > 0.5 * c.lr && rate > 0.5 * c.lr;
  if (r.points.size() < 20 || r.epochs.size() < 3 || !even) return;
  if (before - after > 0.02 * before || c.first - after < 0.3 * c.first || after < 0.15 * c.guess)
    return;
  Finding f{
      "plateau",
      Severity::warning,
      0.7,
      fmt::format(
          "the loss came down from {:.3g} to {:.3g} in the first half and has stayed there ({:.3g} "
          "at the end), at a rate of {:.2g} all the time",
          c.first,
          before,
          after,
          r.points.back().lr),
      "let the rate fall (schedule.name = cosine or one_cycle); if the loss stays, the network is "
      "too small or its regularisation too strong"};
  if (recipe.schedule.at("name") == "constant" && recipe.schedule.size() == 1)
    f.changes = {{"schedule.name", "cosine"}};
  found.push_back(std::move(f));
}

void check_fit(const Record& r, Findings& found) {
  if (r.epochs.size() < 3 || std::isnan(r.epochs.back().val_top1) || r.val_samples == 0) return;
  const Record::Epoch& last = r.epochs.back();
  const Record::Epoch& best = *std::ranges::min_element(r.epochs, {}, &Record::Epoch::val_loss);
  const double p = last.val_top1;
  const double chance = 2 * std::sqrt(std::max(p * (1 - p), 0.01) / double(r.val_samples));
  const double gap = last.train_top1 - last.val_top1;
  const std::string numbers = fmt::format(
      "training {:.1f} % right, loss {:.3g}; validation {:.1f} %, loss {:.3g} after epoch {}",
      100 * last.train_top1,
      last.train_loss,
      100 * last.val_top1,
      last.val_loss,
      last.epoch);
  const bool rose = last.val_loss > 1.1 * best.val_loss && best.epoch < last.epoch;
  if (gap - chance > 0.1 && (rose || last.train_top1 > 0.97)) {
    found.push_back(
        {"fit.over",
         Severity::warning,
         rose ? 0.9 : 0.7,
         rose ? fmt::format(
                    "{}; the loss of validation was least after epoch {}, {:.3g}",
                    numbers,
                    best.epoch,
                    best.val_loss)
              : numbers,
         fmt::format(
             "regularise, the strongest first: more pictures, augmentation ([[augment]] "
             "random_crop, flip), optimizer.weight_decay ten times larger, dropout, a smaller "
             "network; or stop early, with train.epochs = {}",
             best.epoch)});
    return;
  }
  if (!r.done() || has(found, "plateau") || has(found, "rate.low") || has(found, "rate.high"))
    return;
  const Record::Epoch& third = r.epochs[r.epochs.size() * 2 / 3 - 1];
  const double fell = 1 - last.train_loss / third.train_loss;
  const double guessed = r.classes > 1 ? 1 / double(r.classes) : 0;
  const bool low = last.train_top1 < guessed + 0.5 * (1 - guessed);
  if (low && gap < 0.05 + chance && fell < 0.1) {
    found.push_back(
        {"fit.under",
         Severity::warning,
         0.6,
         fmt::format(
             "{}; the last third of the epochs took {:.0f} % off the loss", numbers, 100 * fell),
         gap < -0.05
             ? "the pictures of training are too hard: less augmentation, dropout or weight "
               "decay; then a larger network"
             : "take a larger network, or one with convolutions; less weight decay; a higher "
               "rate (`fovea find-lr`)"});
    return;
  }
  const bool rate_left =
      r.points.back().lr > 0.3 * std::ranges::max(r.points, {}, &Record::Point::lr).lr;
  if (fell > 0.15 && last.train_top1 < 0.95 && rate_left && best.epoch == last.epoch &&
      last.val_top1 > third.val_top1)
    found.push_back(
        {"epochs.few",
         Severity::note,
         0.7,
         fmt::format(
             "{}; the last third of the epochs still took {:.0f} % off the loss",
             numbers,
             100 * fell),
         fmt::format("train for longer: train.epochs = {}", 2 * last.epoch)});
}

}  // namespace fovea::doctor
