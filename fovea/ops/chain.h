#pragma once

#include "fovea/core/primitive.h"
#include "fovea/ops/loss.h"

// Labellings of chains, such as the letters of a word: N chains of T places with C labels each. A
// labelling y has the score sum_t unary[t][y_t] + sum_t pair[y_t][y_{t+1}], unary (N, T, C), pair
// (C, C), f32 or f64; labels are i32 or i64 (N, T).
namespace fovea {

Tensor chain_score(const Tensor& unary, const Tensor& pair, const Tensor& labels);  // (N)

// The labelling with the highest score, i32 (N, T), by dynamic programming (Viterbi 1967); of equal
// ones, lower labels last to first.
Tensor chain_decode(const Tensor& unary, const Tensor& pair);

struct StructuredHingeOptions {
  double cost = 1;  // of each wrong label; the margin a labelling with k wrong ones must keep is k
  Reduction reduction = Reduction::mean;
};

// The structured SVM with margins that grow with the number of wrong labels (Taskar et al. 2004;
// Tsochantaridis et al. 2005, margin rescaling):
//   max_y [cost (wrong labels of y) + score(y)] - score(labels),
// per chain, at least 0 but for rounding: the labelling is found in f64 and scored in the type of
// the scores. The maximum is found by chain_decode over the unary scores with the costs added; its
// slope is that of the labelling found. With T = 1 it is Crammer and Singer's multiclass SVM.
Tensor structured_hinge(
    const Tensor& unary,
    const Tensor& pair,
    const Tensor& labels,
    const StructuredHingeOptions& o = {});

// Inputs unary and pair.
class ChainDecode : public ZeroGradient {
 public:
  std::string_view name() const override { return "chain_decode"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  bool same(const Primitive& other) const override {
    return dynamic_cast<const ChainDecode*>(&other) != nullptr;
  }
  size_t hash() const override { return 1310; }
};

}  // namespace fovea
