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

// That loss of scores that are all alike and so know nothing, over classes of equal size: ln C for
// cross-entropy, C - 1 for the hinge and its square.
double guessing_loss(int64_t classes, const LossOptions& o = {});

}  // namespace fovea::train
