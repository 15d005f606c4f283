#pragma once

#include <optional>
#include <vector>

#include "fovea/core/tensor.h"

namespace fovea::train {

// What a recipe says of the loss of a classifier; by default plain cross-entropy.
struct LossOptions {
  double label_smoothing = 0;
  std::optional<double> focal_gamma = {};  // the focal loss; takes no label smoothing
  std::vector<float> class_weights = {};   // C of them; empty: all 1
};

// The mean loss of scores (N, C) with labels (N), weighted as cross_entropy has it.
Tensor classification_loss(const Tensor& scores, const Tensor& labels, const LossOptions& o = {});

}  // namespace fovea::train
