#include "fovea/train/lr_range.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/text.h"
#include "fovea/optim/factory.h"
#include "fovea/train/fit.h"
#include "fovea/train/setup.h"

namespace fovea::train {

namespace {

constexpr size_t fewest = 10;  // points that a curve needs

double decay_of(const LrRangeOptions& o) { return o.smoothing.value_or(1 - 10.0 / o.steps); }

void check(const LrRangeOptions& o) {
  const bool range = o.min_lr > 0 && o.min_lr < o.max_lr && std::isfinite(o.max_lr);
  if (!range)
    throw std::invalid_argument(fmt::format(
        "[lr_range_test] expected 0 < min_lr < max_lr, got {} and {}", o.min_lr, o.max_lr));
  if (o.steps < 2 * int(fewest))
    throw std::invalid_argument(
        fmt::format("[lr_range_test] expected at least {} steps, got {}", 2 * fewest, o.steps));
  if (!(decay_of(o) >= 0 && decay_of(o) < 1) || !(o.stop > 1))
    throw std::invalid_argument(fmt::format(
        "[lr_range_test] expected smoothing in [0, 1) and stop above 1, got {} and {}",
        decay_of(o),
        o.stop));
}

// sum_j d^|i-j| x_j / sum_j d^|i-j|: an exponential average to both sides, of losses up to `most`.
std::vector<double> smoothed(const std::vector<LrPoint>& points, double most, double decay) {
  std::vector<double> out;
  for (size_t i = 0; i < points.size(); ++i) {
    double sum = 0, weights = 0;
    for (size_t j = 0; j < points.size(); ++j) {
      const double w = std::pow(decay, std::abs(double(i) - double(j)));
      sum += w * std::min(points[j].loss, most);
      weights += w;
    }
    out.push_back(sum / weights);
  }
  return out;
}

// The deviation of single losses, from those of neighbours, so that a slope does not count: the
// median of |difference| is 0.9539 deviations for normal ones.
double scatter_of(const std::vector<LrPoint>& points, size_t n) {
  std::vector<double> steps;
  for (size_t i = 1; i < n; ++i) steps.push_back(std::abs(points[i].loss - points[i - 1].loss));
  if (steps.empty()) return 0;
  auto middle = steps.begin() + ptrdiff_t(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  return *middle / 0.9539;
}

// Reads suggestion, sureness and notes off the points.
void judge(LrRange& r, const LrRangeOptions& o) {
  const auto& p = r.points;
  auto note = [&](std::string text) { r.notes.push_back(std::move(text)); };
  const std::string lower = fmt::format("min_lr below {:.3g}", o.min_lr),
                    higher = fmt::format("max_lr above {:.3g}", o.max_lr);
  if (p.size() < fewest) {
    note(fmt::format(
        "the loss diverges after {}: extend the range downwards ({})",
        counted(int64_t(p.size()), "step"),
        lower));
    return;
  }
  const auto least = std::ranges::min_element(p, {}, &LrPoint::average);
  // The average lags behind; and a few losses that explode must not hide where the fall ends.
  const double first = p[fewest - 1].average;
  r.scatter = scatter_of(p, size_t(least - p.begin()) + 1);
  const std::vector<double> loss =
      smoothed(p, first + std::max(first - least->average, 3 * r.scatter), decay_of(o));
  const auto bottom = std::ranges::min_element(loss);
  const auto n = size_t(bottom - loss.begin()) + 1;
  r.fall = loss.front() - *bottom;
  r.least_lr = p[n - 1].lr;
  if (r.fall < std::max(2 * r.scatter, 0.02 * std::abs(loss.front()))) {
    if (r.diverged)
      note(fmt::format(
          "the loss never falls before it diverges: extend the range downwards ({})", lower));
    else
      note(fmt::format(
          "the loss neither falls nor diverges: extend the range upwards ({}), or the model does "
          "not learn at all",
          higher));
    return;
  }

  // Slopes over equal steps of log(rate).
  std::vector<double> slope(n, 0);
  for (size_t i = 0; i < n; ++i) {
    const size_t a = i == 0 ? 0 : i - 1, b = std::min(i + 1, loss.size() - 1);
    slope[i] = (loss[b] - loss[a]) / double(b - a);
  }
  const auto steep = size_t(std::ranges::min_element(slope) - slope.begin());
  size_t from = steep, to = steep;
  while (from > 0 && slope[from - 1] <= slope[steep] / 2) --from;
  while (to + 1 < n && slope[to + 1] <= slope[steep] / 2) ++to;
  r.from = p[from].lr;
  r.to = p[to].lr;
  r.suggestion = std::sqrt(r.from * r.to);

  // A fall that one end of the range cuts off.
  const double much = std::max(r.fall / 10, r.scatter);
  const bool at_start = from <= n / 10;
  const bool at_end = !r.diverged && n == p.size() && loss[n - 1 - n / 10] - loss[n - 1] > much;
  if (at_start)
    note(fmt::format(
        "the loss falls from the smallest rate on: extend the range downwards ({})", lower));
  if (at_end)
    note(fmt::format(
        "the loss still falls at the largest rate: extend the range upwards ({})", higher));
  else if (!r.diverged && p.back().average < least->average + r.fall / 4)
    note(fmt::format("the loss never diverges: larger rates than {:.3g} may do too", o.max_lr));
  const double clear = r.fall / std::max(r.scatter, 1e-12);
  const bool vague = clear < 10 || r.to > 100 * r.from;
  r.sure = at_start || at_end || clear < 4 ? Sureness::poor
           : vague                         ? Sureness::fair
                                           : Sureness::good;
}

}  // namespace

LrRange lr_range_test(const std::function<double(double lr)>& step, const LrRangeOptions& o) {
  check(o);
  LrRange r;
  const double decay = decay_of(o);
  double mean = 0, least = INFINITY;
  for (int i = 0; i < o.steps && !r.diverged; ++i) {
    LrPoint p{.lr = o.min_lr * std::pow(o.max_lr / o.min_lr, double(i) / (o.steps - 1))};
    try {
      p.loss = step(p.lr);
    } catch (const NonFiniteError&) {
      if (i == 0) throw;
      p.loss = NAN;
    }
    if (!std::isfinite(p.loss)) {
      if (i == 0)
        throw NonFiniteError(
            fmt::format("the loss is {} before any step, whatever the learning rate", p.loss),
            "",
            "");
      r.diverged = true;
      break;
    }
    mean = decay * mean + (1 - decay) * p.loss;
    p.average = mean / (1 - std::pow(decay, i + 1));
    r.points.push_back(p);
    least = std::min(least, p.average);
    r.diverged = p.average > o.stop * least;
  }
  judge(r, o);
  return r;
}

LrRange lr_range_test(const LrRangeTraining& t, const LrRangeOptions& o) {
  // While these handles are held no step writes over their memory.
  Tree before = nn::parameters(*t.model.net);
  before.merge(nn::state(*t.model.net));
  const Tree state = t.optimizer.state();
  const int64_t steps = t.optimizer.steps();
  const double lr = t.optimizer.lr();
  struct Restore {
    std::function<void()> f;
    ~Restore() { f(); }
  } restore{[&] {
    nn::assign(*t.model.net, before);
    t.optimizer.load_state(state, steps);
    t.optimizer.set_lr(lr);
  }};

  int64_t epoch = 0, at = 0;
  t.loader.start(epoch);
  return lr_range_test(
      [&](double rate) {
        auto batch = t.loader.next();
        if (!batch) {
          t.loader.start(++epoch);
          batch = t.loader.next();
        }
        if (!batch) throw std::invalid_argument("[lr_range_test] expected a loader with batches");
        t.optimizer.set_lr(rate);
        return train_step(t.model, t.optimizer, *batch, t.key.fold_in(uint64_t(at++)), t.step).loss;
      },
      o);
}

LrRange lr_range_test(const Config& config, const LrRangeOptions& o) {
  check(o);
  const Recipe recipe(config);
  use_processors(recipe);
  Setup setup = set_up(recipe);
  check_learns_by_steps(setup.model, "the search for a learning rate");
  const Frozen frozen = freeze_modules(*setup.model.net, recipe.freeze);
  data::Loader loader(setup.source.train, loader_options(recipe, setup, true));
  const auto optimizer = optim::make_optimizer(recipe.optimizer);
  const double recipe_lr = optimizer->lr();
  LrRange r = lr_range_test(
      {.model = setup.model,
       .optimizer = *optimizer,
       .loader = loader,
       .key = Key(recipe.seed).fold_in(5),
       .step =
           {.loss = setup.loss,
            .clip_norm = recipe.clip_norm,
            .frozen = &frozen,
            .regularization = recipe.regularization}},
      o);
  r.title = recipe.name;
  r.recipe_lr = recipe_lr;
  r.notes.insert(r.notes.begin(), setup.notes.begin(), setup.notes.end());
  return r;
}

}  // namespace fovea::train
