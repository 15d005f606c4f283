#pragma once

#include "fovea/classic/fitted.h"
#include "fovea/nn/module.h"

namespace fovea::classic {

// A decision tree (CART; Breiman, Friedman, Olshen and Stone 1984): x (N, D) -> log p (N, classes).
// It is kept as a whole binary tree: node i asks whether x[feature[i]] > threshold[i] and goes on
// to 2 i + 1 (no) or 2 i + 2 (yes); after `depth` questions stands a leaf. Fitting splits every
// node where the Gini impurity falls most, of equal splits at the first feature and the lowest
// threshold; a branch that ends early asks questions to which the answer is no. A leaf gives (n_c +
// 1) / (n + classes). State: feature i32 and threshold f32 (2^depth - 1), leaves f32 (2^depth,
// classes). No gradient flows through it: a small change of x changes nothing.
class DecisionTree : public nn::Module, public Fitted {
 public:
  struct Options {
    int64_t in = 0, classes = 0;
    int depth = 10;     // at most 16
    int64_t least = 1;  // examples in a leaf, at least
  };
  explicit DecisionTree(const Options& o);

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;
  void fit(const Examples& e) override;

 private:
  Options o_;
  Tensor feature_, threshold_, leaves_;
};

}  // namespace fovea::classic
