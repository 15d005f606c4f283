#include "fovea/classic/tree.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/shape.h"

namespace fovea::classic {

namespace {

constexpr float never = std::numeric_limits<float>::infinity();  // nothing is larger

struct Split {
  int32_t feature = 0;
  float threshold = never;
  double score = -1;  // sum over both sides of (sum over classes of n_c^2) / n: large is pure
};

class Grower {
 public:
  Grower(const Examples& e, int depth, int64_t least)
      : x_(e.x.data<float>().data()),
        features_(e.x.dim(1)),
        labels_(e.labels.data<int32_t>()),
        classes_(size_t(e.classes)),
        least_(least),
        inner_((size_t(1) << depth) - 1),
        feature(inner_, 0),
        threshold(inner_, never),
        leaves((inner_ + 1) * classes_, 0.0f) {
    std::vector<int32_t> rows(labels_.size());
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = int32_t(i);
    grow(0, rows);
  }

 private:
  using Rows = std::span<int32_t>;

  float value(int32_t row, int64_t f) const { return x_[int64_t(row) * features_ + f]; }

  std::vector<int64_t> counts_of(Rows rows) const {
    std::vector<int64_t> counts(classes_, 0);
    for (int32_t row : rows) ++counts[size_t(labels_[size_t(row)])];
    return counts;
  }

  // Never deeper than the tree, which has at most 16 levels.
  void grow(size_t node, Rows rows) {
    const std::vector<int64_t> counts = counts_of(rows);
    if (node >= inner_) return finish(node, counts, rows.size());
    const Split split = best_split(rows, counts);
    if (split.score < 0) {
      while (node < inner_) node = 2 * node + 1;
      return finish(node, counts, rows.size());
    }
    feature[node] = split.feature;
    threshold[node] = split.threshold;
    const auto middle = std::stable_partition(rows.begin(), rows.end(), [&](int32_t row) {
      return !(value(row, split.feature) > split.threshold);
    });
    const auto below = size_t(middle - rows.begin());
    grow(2 * node + 1, rows.first(below));
    grow(2 * node + 2, rows.subspan(below));
  }

  void finish(size_t node, const std::vector<int64_t>& counts, size_t n) {
    for (size_t c = 0; c < classes_; ++c)
      leaves[(node - inner_) * classes_ + c] =
          float(std::log(double(counts[c] + 1) / double(n + classes_)));
  }

  Split best_split(Rows rows, const std::vector<int64_t>& counts) const {
    Split best;
    if (int64_t(rows.size()) < 2 * least_ || std::ranges::max(counts) == int64_t(rows.size()))
      return best;
    std::vector<std::pair<float, int32_t>> sorted(rows.size());
    for (int64_t f = 0; f < features_; ++f) {
      for (size_t i = 0; i < rows.size(); ++i)
        sorted[i] = {value(rows[i], f), labels_[size_t(rows[i])]};
      std::sort(sorted.begin(), sorted.end());
      try_feature(int32_t(f), sorted, counts, best);
    }
    return best;
  }

  // Moves the examples from right to left one after the other and looks at each gap between them.
  void try_feature(
      int32_t f,
      const std::vector<std::pair<float, int32_t>>& sorted,
      const std::vector<int64_t>& counts,
      Split& best) const {
    if (sorted.front().first == sorted.back().first) return;
    std::vector<int64_t> left(classes_, 0), right = counts;
    double left_squares = 0, right_squares = 0;
    for (int64_t n : right) right_squares += double(n) * double(n);
    const auto n = int64_t(sorted.size());
    for (int64_t i = 0; i + 1 < n; ++i) {
      const auto [at, label] = sorted[size_t(i)];
      left_squares += double(2 * left[size_t(label)]++ + 1);
      right_squares -= double(2 * right[size_t(label)]-- - 1);
      const float next = sorted[size_t(i + 1)].first;
      if (at == next || i + 1 < least_ || n - i - 1 < least_) continue;
      const double score = left_squares / double(i + 1) + right_squares / double(n - i - 1);
      if (score > best.score + 1e-9) best = {f, between(at, next), score};
    }
  }

  // At least `low` and less than `high`.
  static float between(float low, float high) {
    const float middle = low + (high - low) / 2;
    return middle < high ? middle : low;
  }

  const float* x_;
  int64_t features_;
  std::span<const int32_t> labels_;
  size_t classes_;
  int64_t least_;
  size_t inner_;

 public:
  std::vector<int32_t> feature;
  std::vector<float> threshold, leaves;
};

}  // namespace

DecisionTree::DecisionTree(const Options& o) : o_(o) {
  if (o.in < 1 || o.classes < 1 || o.depth < 1 || o.depth > 16 || o.least < 1)
    throw std::invalid_argument(fmt::format(
        "[tree] expected features, classes and examples in a leaf of at least 1 and a depth from 1 "
        "to 16, got {}, {}, {} and {}",
        o.in,
        o.classes,
        o.least,
        o.depth));
  const int64_t leaves = int64_t(1) << o.depth;
  feature_ = zeros({leaves - 1}, Dtype::i32);
  threshold_ = zeros({leaves - 1});
  leaves_ = zeros({leaves, o.classes});
}

Tensor DecisionTree::forward(const Tensor& x, nn::Ctx&) const {
  if (x.rank() != 2 || x.dim(1) != o_.in)
    throw std::invalid_argument(
        fmt::format("[tree] expected features (N, {}), got {}", o_.in, x.shape().str()));
  Tensor node = zeros({x.dim(0), 1}, Dtype::i32);
  for (int i = 0; i < o_.depth; ++i) {
    const Tensor value = gather(x, take(feature_, node), 1);
    node = node * 2 + 1 + cast(greater(value, take(threshold_, node)), Dtype::i32);
  }
  const Tensor leaf = node - double((int64_t(1) << o_.depth) - 1);
  return take(leaves_, reshape(leaf, {x.dim(0)}));
}

void DecisionTree::visit(Visitor& v) {
  v.state("feature", feature_);
  v.state("threshold", threshold_);
  v.state("leaves", leaves_);
}

void DecisionTree::fit(const Examples& e) {
  if (e.x.rank() != 2 || e.x.dim(1) != o_.in || e.x.dim(0) < 1 || e.classes != o_.classes)
    throw std::invalid_argument(fmt::format(
        "[tree] expected examples (N, {}) of {} classes, got {} of {}",
        o_.in,
        o_.classes,
        e.x.shape().str(),
        e.classes));
  const Grower grown(e, o_.depth, o_.least);
  feature_ = Tensor::from<int32_t>(grown.feature, feature_.shape());
  threshold_ = Tensor::from<float>(grown.threshold, threshold_.shape());
  leaves_ = Tensor::from<float>(grown.leaves, leaves_.shape());
}

}  // namespace fovea::classic
