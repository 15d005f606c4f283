#pragma once

#include "fovea/nn/linear.h"
#include "fovea/ops/label_tree.h"

namespace fovea::nn {

// Hierarchical softmax as the last layer: x (..., in) -> logarithms of the probabilities of all
// classes (..., classes), from a linear score for each of the classes - 1 nodes of a tree. They are
// their own log_softmax, so losses and predictions take them for scores. Keys: weight
// (classes - 1, in), bias (classes - 1).
class TreeSoftmax : public Module {
 public:
  TreeSoftmax(int64_t in, LabelTree tree)
      : tree_(std::move(tree)), nodes_({.in = in, .out = tree_.nodes()}) {}

  Tensor forward(const Tensor& x, Ctx& ctx) const override {
    return tree_log_softmax(nodes_.forward(x, ctx), tree_);
  }
  void visit(Visitor& v) override { nodes_.visit(v); }

 private:
  LabelTree tree_;
  Linear nodes_;
};

}  // namespace fovea::nn
