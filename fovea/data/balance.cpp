#include "fovea/data/balance.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::data {

namespace {

void check_counts(const char* function, std::span<const int64_t> counts) {
  auto empty = std::ranges::find_if(counts, [](int64_t n) { return n < 1; });
  if (counts.empty() || empty != counts.end())
    throw std::invalid_argument(fmt::format(
        "[{}] expected samples of every class, got none of {}",
        function,
        counts.empty() ? "any" : fmt::format("class {}", empty - counts.begin())));
}

}  // namespace

std::vector<double> balanced_weights(std::span<const int64_t> counts) {
  check_counts("balanced_weights", counts);
  const auto n = double(std::accumulate(counts.begin(), counts.end(), int64_t(0)));
  std::vector<double> weights;
  for (int64_t count : counts) weights.push_back(n / (double(counts.size()) * double(count)));
  return weights;
}

std::vector<double> effective_weights(std::span<const int64_t> counts, double beta) {
  check_counts("effective_weights", counts);
  if (!(beta >= 0 && beta < 1))
    throw std::invalid_argument(
        fmt::format("[effective_weights] expected beta in [0, 1), got {}", beta));
  std::vector<double> weights;
  double total = 0;
  for (int64_t count : counts)
    total += weights.emplace_back((1 - beta) / (1 - std::pow(beta, double(count))));
  for (double& w : weights) w *= double(counts.size()) / total;
  return weights;
}

std::vector<std::vector<int64_t>> samples_by_class(const Dataset& dataset) {
  std::vector<std::vector<int64_t>> by_class(dataset.classes().size());
  for (int64_t i = 0; i < dataset.size(); ++i) by_class[size_t(dataset.label(i))].push_back(i);
  return by_class;
}

std::vector<int64_t> draw_balanced(
    std::span<const std::vector<int64_t>> by_class, int64_t n, Key key) {
  std::vector<const std::vector<int64_t>*> present;
  for (const auto& samples : by_class)
    if (!samples.empty()) present.push_back(&samples);
  if (present.empty() && n > 0)
    throw std::invalid_argument("[draw_balanced] expected a class with samples, got none");
  Rng rng(key);
  std::vector<int64_t> drawn;
  for (int64_t i = 0; i < n; ++i) {
    const auto& samples = *present[rng.below(present.size())];
    drawn.push_back(samples[rng.below(samples.size())]);
  }
  return drawn;
}

std::optional<std::string> imbalance(const Dataset& dataset, double least) {
  const std::vector<int64_t> counts = class_counts(dataset);
  size_t small = counts.size(), large = 0;
  for (size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) continue;
    if (small == counts.size() || counts[c] < counts[small]) small = c;
    if (counts[c] > counts[large]) large = c;
  }
  if (small == counts.size() || double(counts[large]) < least * double(counts[small])) return {};
  return fmt::format(
      "the largest class, {} with {} samples, has {:.3g} times those of the smallest, {} with {}",
      dataset.classes()[large],
      counts[large],
      double(counts[large]) / double(counts[small]),
      dataset.classes()[small],
      counts[small]);
}

}  // namespace fovea::data
