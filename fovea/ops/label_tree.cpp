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

// Paths of a tree where scores of that type lie.
LabelTree::Paths paths_for(const Tensor& scores, const LabelTree& tree) {
  const LabelTree::Paths& all = tree.paths();
  return {
      to_device(all.nodes, scores.device()),
      cast(to_device(all.turns, scores.device()), scores.dtype())};
}

LabelTree::Paths of_labels(const LabelTree::Paths& all, const Tensor& labels) {
  return {take(all.nodes, labels), take(all.turns, labels)};
}

// Of scores (..., depth) on the paths; sigmoid(-f) = 1 - sigmoid(f).
Tensor path_loss(const Tensor& scores, const Tensor& turns, Reduction r) {
  const Tensor losses = sum(square(turns) * softplus(-(turns * scores)), {-1});
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

  const Shape shape{classes, depth()};
  std::vector<int32_t> nodes(size_t(shape.numel()), 0);
  std::vector<float> turns(nodes.size(), 0);
  for (size_t c = 0; c < paths_.size(); ++c)
    for (size_t k = 0; k < paths_[c].size(); ++k) {
      const size_t at = c * size_t(shape[1]) + k;
      nodes[at] = paths_[c][k].node;
      turns[at] = paths_[c][k].right ? 1 : -1;
    }
  padded_ = {Tensor::from(nodes, shape, {Device::cpu}), Tensor::from(turns, shape, {Device::cpu})};
}

int64_t LabelTree::depth() const {
  size_t most = 0;
  for (const auto& path : paths_) most = std::max(most, path.size());
  return int64_t(most);
}

Tensor tree_log_softmax(const Tensor& scores, const LabelTree& tree) {
  check_scores("tree_log_softmax", scores, tree);
  const LabelTree::Paths paths = paths_for(scores, tree);
  return -path_loss(take(scores, paths.nodes, -1), paths.turns, Reduction::none);
}

Tensor tree_cross_entropy(
    const Tensor& scores, const Tensor& labels, const LabelTree& tree, Reduction r) {
  check_scores("tree_cross_entropy", scores, tree);
  check_labels(labels, scores);
  const LabelTree::Paths paths = of_labels(paths_for(scores, tree), labels);
  return path_loss(gather(scores, paths.nodes, 1), paths.turns, r);
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
  const LabelTree::Paths paths = of_labels(paths_for(x, tree), labels);
  const Tensor scores =
      sum(take(weight, paths.nodes) * unsqueeze(x, 1), {-1}) + take(bias, paths.nodes);
  return path_loss(scores, paths.turns, r);
}

}  // namespace fovea
