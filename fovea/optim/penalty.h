#pragma once

#include "fovea/core/tree.h"

namespace fovea::optim {

struct PenaltyOptions {
  double l1 = 0, l2 = 0;  // at least 0
};

// l1 sum |w| + l2 sum w^2 over all elements, to be added to a loss: L1, L2, or with both the
// elastic net (Zou and Hastie 2005). A scalar. There is no factor 1/2: the slope of a weight is
// l1 sign(w) + 2 l2 w, so l2 does what a weight_decay of twice its size does under plain SGD.
Tensor penalty(const Tree& weights, const PenaltyOptions& o);

}  // namespace fovea::optim
