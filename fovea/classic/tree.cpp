#include "fovea/classic/tree.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/classic/tree_growth.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/shape.h"

namespace fovea::classic {

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
  const GrownTree grown = grow_tree(e, o_.depth, o_.least);
  feature_ = Tensor::from<int32_t>(grown.feature, feature_.shape());
  threshold_ = Tensor::from<float>(grown.threshold, threshold_.shape());
  leaves_ = Tensor::from<float>(grown.leaves, leaves_.shape());
}

}  // namespace fovea::classic
