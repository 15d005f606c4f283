#include "fovea/data/split.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::data {

namespace {

// The samples in groups that are divided one by one: classes, or everything at once; shuffled.
std::vector<std::vector<int64_t>> shuffled_groups(
    const Dataset& dataset, Key key, bool stratified) {
  std::vector<std::vector<int64_t>> groups(stratified ? dataset.classes().size() : 1);
  for (int64_t i : permutation(dataset.size(), key))
    groups[stratified ? size_t(dataset.label(i)) : 0].push_back(i);
  return groups;
}

void sort(Split& s) {
  std::sort(s.train.begin(), s.train.end());
  std::sort(s.val.begin(), s.val.end());
}

}  // namespace

std::vector<int64_t> permutation(int64_t n, Key key) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t(0));
  Rng rng(key);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  return order;
}

Split split(const Dataset& dataset, Key key, const SplitOptions& options) {
  auto wanted = int64_t(std::llround(double(dataset.size()) * options.share));
  if (!(options.share > 0 && options.share < 1) || wanted == 0 || wanted == dataset.size())
    throw std::invalid_argument(fmt::format(
        "[split] expected a share in (0, 1) that leaves samples on both sides, got {} of {} "
        "samples",
        options.share,
        dataset.size()));
  Split result;
  // Rounding carries over from class to class, so that the total comes out right.
  double due = 0;
  for (const auto& group : shuffled_groups(dataset, key, options.stratified)) {
    due += double(group.size()) * options.share;
    auto take = std::clamp<int64_t>(
        std::llround(due) - int64_t(result.val.size()), 0, int64_t(group.size()));
    result.val.insert(result.val.end(), group.begin(), group.begin() + take);
    result.train.insert(result.train.end(), group.begin() + take, group.end());
  }
  sort(result);
  return result;
}

std::vector<Split> k_folds(const Dataset& dataset, int k, Key key, bool stratified) {
  if (k < 2 || k > dataset.size())
    throw std::invalid_argument(fmt::format(
        "[k_folds] expected 2 <= k <= {}, the number of samples, got {}", dataset.size(), k));
  std::vector<Split> folds(static_cast<size_t>(k));
  // Dealt like cards; the next class goes on where the last one stopped.
  size_t dealt = 0;
  for (const auto& group : shuffled_groups(dataset, key, stratified))
    for (int64_t i : group) {
      size_t mine = dealt++ % folds.size();
      for (size_t f = 0; f < folds.size(); ++f)
        (f == mine ? folds[f].val : folds[f].train).push_back(i);
    }
  for (auto& fold : folds) sort(fold);
  return folds;
}

Source with_validation(const Source& source, Key key, const SplitOptions& options) {
  if (!source.train || source.val)
    throw std::invalid_argument(fmt::format(
        "[split] expected a source with a training split and without a validation split, got one "
        "{}",
        source.val ? "with both" : "without training data"));
  auto parts = split(*source.train, key, options);
  Source result = source;
  const auto& name = source.train->name();
  result.val = subset(source.train, std::move(parts.val), name + " (validation share)");
  result.train = subset(source.train, std::move(parts.train), name);
  return result;
}

Source with_fold(const Source& source, Key key, const Fold& fold) {
  if (!source.train)
    throw std::invalid_argument("[folds] expected a source with a training split, got one without");
  if (fold.number < 1 || fold.number > fold.of)
    throw std::invalid_argument(
        fmt::format("[folds] expected a fold from 1 to {}, got {}", fold.of, fold.number));
  Split parts = std::move(k_folds(*source.train, fold.of, key)[size_t(fold.number - 1)]);
  Source result = source;
  const auto& name = source.train->name();
  result.val =
      subset(source.train, std::move(parts.val), fmt::format("{} (fold {})", name, fold.number));
  result.train = subset(source.train, std::move(parts.train), name);
  return result;
}

}  // namespace fovea::data
