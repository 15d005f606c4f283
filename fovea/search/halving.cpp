#include "fovea/search/halving.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::search {

namespace {

constexpr std::string_view names[] = {"hyperband", "halving", "none"};

}  // namespace

Stopping stopping_of(const std::string& name) {
  const auto at = std::ranges::find(names, name);
  if (at == std::end(names))
    throw std::invalid_argument(
        fmt::format("expected a stopping of hyperband, halving or none, got \"{}\"", name));
  return Stopping(at - std::begin(names));
}

std::string_view name_of(Stopping s) { return names[size_t(s)]; }

int survivors(int begun, int rung, int eta) {
  for (int i = 0; i < rung; ++i) begun /= eta;
  return std::max(begun, 1);
}

double seconds_of(const Bracket& b, int trials, const BracketCost& cost) {
  int64_t epochs = 0, before = 0;
  for (size_t i = 0; i < b.rungs.size(); ++i) {
    const int left = survivors(trials, int(i), cost.eta);
    epochs += int64_t((left + cost.jobs - 1) / cost.jobs) * (b.rungs[i] - before);
    before = b.rungs[i];
  }
  return double(epochs) * cost.seconds_per_epoch;
}

int trials_that_fit(const Bracket& b, int wanted, const BracketCost& cost, double seconds) {
  while (wanted > 0 && seconds_of(b, wanted, cost) > seconds) --wanted;
  return wanted;
}

std::vector<Bracket> brackets(Stopping how, int epochs, int eta) {
  if (epochs < 1 || eta < 2)
    throw std::invalid_argument(fmt::format(
        "[brackets] expected at least 1 epoch and an eta of at least 2, got {} and {}",
        epochs,
        eta));
  if (how == Stopping::none) return {{.trials = 1, .rungs = {epochs}}};
  int most = 0;  // s_max: how often the epochs can be divided
  for (int left = epochs / eta; left >= 1; left /= eta) ++most;
  std::vector<Bracket> all;
  for (int s = most; s >= 0; --s) {
    const double power = std::pow(eta, s);
    Bracket b{.trials = int(std::ceil((most + 1) * power / (s + 1))), .rungs = {}};
    for (int i = s; i >= 0; --i)
      b.rungs.push_back(std::max(1, int(std::floor(epochs / std::pow(eta, i)))));
    all.push_back(std::move(b));
    if (how == Stopping::halving) break;
  }
  return all;
}

}  // namespace fovea::search
