#pragma once

#include <optional>
#include <vector>

#include "fovea/core/tensor.h"

namespace fovea::train {

// The multiclass SVM's loss, or its square, in place of cross-entropy.
enum class Hinge : uint8_t { none, plain, squared };

// What a recipe says of the loss of a classifier; by default plain cross-entropy.
struct LossOptions {
  double label_smoothing = 0;
  std::optional<double> focal_gamma = {};  // the focal loss; takes no label smoothing
  Hinge hinge = Hinge::none;               // takes neither smoothing nor weights
  std::vector<float> class_weights = {};   // C of them; empty: all 1
};

// The mean loss of scores (N, C) with labels (N), weighted as cross_entropy has it.
Tensor classification_loss(const Tensor& scores, const Tensor& labels, const LossOptions& o = {});

}  // namespace fovea::train
