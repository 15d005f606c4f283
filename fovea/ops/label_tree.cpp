#include "fovea/ops/label_tree.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <stdexcept>
#include <tuple>

#include <fmt/format.h>

#include "fovea/ops/activation.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea {

namespace {

void check_scores(const char* op, const Tensor& scores, const LabelTree& tree) {
  if (scores.rank() < 1 || scores.dim(-1) != tree.nodes() || !is_float(scores.dtype()))
    throw std::invalid_argument(fmt::format(
        "[{}] expected scores (..., {}) of the nodes of a tree of {} classes, got {}",
        op,
        tree.nodes(),
        tree.classes(),
        scores.str()));
}

// The paths of the labels, padded to one length: node, and +1 for right, -1 for left, 0 for none.
struct Turns {
  Tensor nodes, signs;  // (N, depth), i32 and real
};

Turns turns_of(const LabelTree& tree, const Tensor& labels, Dtype dtype) {
  const int64_t depth = tree.depth();
  std::vector<int32_t> nodes(size_t(tree.classes() * depth), 0);
  std::vector<double> signs(nodes.size(), 0);
  for (int64_t c = 0; c < tree.classes(); ++c)
    for (size_t k = 0; k < tree.path(c).size(); ++k) {
      const auto at = size_t(c * depth) + k;
      nodes[at] = tree.path(c)[k].node;
      signs[at] = tree.path(c)[k].right ? 1 : -1;
    }
  const Shape shape{tree.classes(), depth};
  const Device device = labels.device();
  return {
      take(Tensor::from(nodes, shape, device), labels),
      take(cast(Tensor::from(signs, shape, device), dtype), labels)};
}

// Of scores (N, depth) on the paths; sigmoid(-f) = 1 - sigmoid(f).
Tensor path_loss(const Tensor& scores, const Tensor& signs, Reduction r) {
  const Tensor losses = sum(square(signs) * softplus(-(signs * scores)), {-1});
  if (r == Reduction::none) return losses;
  return r == Reduction::sum ? sum(losses) : mean(losses);
}

void check_labels(const Tensor& labels, const Tensor& samples) {
  if (labels.rank() != 1 || samples.rank() != 2 || labels.dim(0) != samples.dim(0))
    throw std::invalid_argument(fmt::format(
        "[tree_cross_entropy] expected a label for each of the samples (N, ...), got {} and {}",
        labels.shape().str(),
        samples.shape().str()));
}

}  // namespace

LabelTree::LabelTree(int64_t classes)
    : LabelTree(std::vector<double>(size_t(std::max<int64_t>(classes, 0)), 1)) {}

LabelTree::LabelTree(std::span<const double> frequencies) : paths_(frequencies.size()) {
  const auto classes = int64_t(frequencies.size());
  if (classes < 2)
    throw std::invalid_argument(
        fmt::format("[label_tree] expected at least two classes, got {}", classes));
  for (double f : frequencies)
    if (!(f >= 0) || !std::isfinite(f))
      throw std::invalid_argument(
          fmt::format("[label_tree] expected frequencies of at least 0, got {}", f));

  // The two rarest parts are joined until one is left. Of equally rare ones the older are taken,
  // which keeps paths short. Parts below `classes` are leaves, the others joints in their order.
  using Part = std::tuple<double, int64_t>;
  std::priority_queue<Part, std::vector<Part>, std::greater<>> parts;
  for (int64_t c = 0; c < classes; ++c) parts.emplace(frequencies[size_t(c)], c);
  std::vector<std::pair<int64_t, int64_t>> joints;
  while (parts.size() > 1) {
    const auto [f, left] = parts.top();
    parts.pop();
    const auto [g, right] = parts.top();
    parts.pop();
    parts.emplace(f + g, classes + int64_t(joints.size()));
    joints.emplace_back(left, right);
  }

  // The last joint is the root, node 0; a joint is met before those below it.
  std::vector<std::vector<Turn>> above(joints.size());
  for (size_t j = joints.size(); j-- > 0;) {
    const auto node = int32_t(joints.size() - 1 - j);
    for (bool right : {false, true}) {
      const int64_t child = right ? joints[j].second : joints[j].first;
      auto& path = child < classes ? paths_[size_t(child)] : above[size_t(child - classes)];
      path = above[j];
      path.push_back({node, right});
    }
  }
}

int64_t LabelTree::depth() const {
  size_t most = 0;
  for (const auto& path : paths_) most = std::max(most, path.size());
  return int64_t(most);
}

Tensor tree_log_softmax(const Tensor& scores, const LabelTree& tree) {
  check_scores("tree_log_softmax", scores, tree);
  // Which nodes a path leaves to the right and to the left.
  const Shape shape{tree.classes(), tree.nodes()};
  std::vector<double> right(size_t(shape.numel()), 0), left = right;
  for (int64_t c = 0; c < tree.classes(); ++c)
    for (const LabelTree::Turn& t : tree.path(c))
      (t.right ? right : left)[size_t(c * tree.nodes() + t.node)] = 1;
  auto constant = [&](const std::vector<double>& v) {
    return cast(Tensor::from(v, shape, scores.device()), scores.dtype());
  };
  return -(linear(softplus(-scores), constant(right)) + linear(softplus(scores), constant(left)));
}

Tensor tree_cross_entropy(
    const Tensor& scores, const Tensor& labels, const LabelTree& tree, Reduction r) {
  check_scores("tree_cross_entropy", scores, tree);
  check_labels(labels, scores);
  const Turns turns = turns_of(tree, labels, scores.dtype());
  return path_loss(gather(scores, turns.nodes, 1), turns.signs, r);
}

Tensor tree_cross_entropy(
    const Tensor& x,
    const Tensor& weight,
    const Tensor& bias,
    const Tensor& labels,
    const LabelTree& tree,
    Reduction r) {
  check_labels(labels, x);
  const bool fits = weight.rank() == 2 && weight.dim(0) == tree.nodes() &&
                    weight.dim(1) == x.dim(1) && bias.shape() == Shape{tree.nodes()};
  if (!fits)
    throw std::invalid_argument(fmt::format(
        "[tree_cross_entropy] expected weights ({}, {}) and as many biases, got {} and {}",
        tree.nodes(),
        x.dim(1),
        weight.shape().str(),
        bias.shape().str()));
  const Turns turns = turns_of(tree, labels, x.dtype());
  const Tensor scores =
      sum(take(weight, turns.nodes) * unsqueeze(x, 1), {-1}) + take(bias, turns.nodes);
  return path_loss(scores, turns.signs, r);
}

}  // namespace fovea
