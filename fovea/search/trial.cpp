#include "fovea/search/trial.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/numbers.h"
#include "fovea/core/text.h"

namespace fovea::search {

namespace {

constexpr size_t fewest_trials = 8;  // for hints of importance

double least_loss(const Trial& t, int64_t up_to) {
  double least = std::numeric_limits<double>::infinity();
  for (const TrialEpoch& e : t.epochs)
    if ((up_to == 0 || e.epoch <= up_to) && e.val_loss < least) least = e.val_loss;
  return least;
}

// Trials in groups of near values: of a range about equally many in each, of choices those of one
// choice. Holds positions.
std::vector<std::vector<size_t>> groups_of(std::span<const Trial> trials, const Dimension& d) {
  std::vector<std::vector<size_t>> groups;
  if (d.scale == Scale::choice) {
    for (const std::string& choice : d.choices) {
      groups.emplace_back();
      for (size_t i = 0; i < trials.size(); ++i)
        if (trials[i].values.at(d.key) == choice) groups.back().push_back(i);
    }
    std::erase_if(groups, [](const auto& g) { return g.empty(); });
    return groups;
  }
  std::vector<size_t> order(trials.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::ranges::stable_sort(
      order, {}, [&](size_t i) { return d.share(trials[i].values.at(d.key)); });
  const size_t count = std::clamp<size_t>(trials.size() / 4, 2, 5);
  groups.resize(count);
  for (size_t i = 0; i < order.size(); ++i) groups[i * count / order.size()].push_back(order[i]);
  return groups;
}

}  // namespace

std::string_view name_of(State s) {
  constexpr std::string_view names[] = {"waiting", "running", "stopped", "done", "failed"};
  return names[size_t(s)];
}

bool Trial::fitted() const { return epochs.size() == 1 && std::isnan(epochs[0].train_loss); }

std::string length_of(const Trial& t) {
  if (t.fitted()) return "fitted at once";
  return counted(int64_t(t.epochs.size()), "epoch");
}

Measure measure_of(const std::string& name) {
  if (name == "val_top1") return Measure::accuracy;
  if (name == "val_loss") return Measure::loss;
  throw std::invalid_argument(fmt::format(
      "expected a metric of the validation split, val_top1 or val_loss, got \"{}\"", name));
}

std::string_view name_of(Measure m) { return m == Measure::accuracy ? "val_top1" : "val_loss"; }

std::optional<double> score(const Trial& t, Measure m, int64_t up_to) {
  if (t.state == State::failed) return {};
  std::optional<double> best;
  for (const TrialEpoch& e : t.epochs) {
    const double v = m == Measure::accuracy ? e.val_top1 : e.val_loss;
    if ((up_to > 0 && e.epoch > up_to) || !std::isfinite(v)) continue;
    if (!best || (m == Measure::accuracy ? v > *best : v < *best)) best = v;
  }
  return best;
}

std::vector<size_t> ranking(std::span<const Trial> trials, Measure m, int64_t up_to) {
  struct Entry {
    double worse, loss;
    size_t at;
  };
  std::vector<Entry> entries;
  for (size_t i = 0; i < trials.size(); ++i)
    if (const auto s = score(trials[i], m, up_to))
      entries.push_back({m == Measure::accuracy ? -*s : *s, least_loss(trials[i], up_to), i});
  std::ranges::stable_sort(entries, [](const Entry& a, const Entry& b) {
    return a.worse != b.worse ? a.worse < b.worse : a.loss < b.loss;
  });
  std::vector<size_t> order;
  for (const Entry& e : entries) order.push_back(e.at);
  return order;
}

std::vector<Importance> importance(std::span<const Trial> trials, const Space& space, Measure m) {
  std::vector<Trial> first;
  int64_t common = std::numeric_limits<int64_t>::max();
  for (const Trial& t : trials) {
    if (t.stage != 0 || !score(t, m)) continue;
    first.push_back(t);
    common = std::min(common, t.epochs.back().epoch);
  }
  if (first.size() < fewest_trials) return {};
  const auto order = ranking(first, m, common);
  std::vector<double> ranks(first.size(), double(first.size()));
  for (size_t i = 0; i < order.size(); ++i) ranks[order[i]] = double(i);

  std::vector<Importance> all;
  const double total = squares_of(ranks) / double(ranks.size() - 1);
  for (const Dimension& d : space) {
    const auto groups = groups_of(first, d);
    double within = 0;
    for (const auto& group : groups) {
      std::vector<double> part;
      for (size_t i : group) part.push_back(ranks[i]);
      within += squares_of(part);
    }
    const auto freedom = double(ranks.size() - groups.size());
    const double share = groups.size() < 2 || freedom <= 0 ? 0 : 1 - within / freedom / total;
    all.push_back({d.key, std::max(share, 0.0)});
  }
  std::ranges::stable_sort(all, std::greater<>{}, &Importance::share);
  return all;
}

}  // namespace fovea::search
