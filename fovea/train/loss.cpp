#include "fovea/train/loss.h"

#include <stdexcept>

#include "fovea/ops/loss.h"

namespace fovea::train {

Tensor classification_loss(const Tensor& scores, const Tensor& labels, const LossOptions& o) {
  Tensor weights;
  if (!o.class_weights.empty())
    weights = Tensor::from<float>(o.class_weights, {int64_t(o.class_weights.size())});
  if (!o.focal_gamma)
    return cross_entropy(
        scores, labels, {.weights = weights, .label_smoothing = o.label_smoothing});
  if (o.label_smoothing > 0)
    throw std::invalid_argument("[loss] expected the focal loss without label smoothing, got both");
  return focal_loss(scores, labels, {.gamma = *o.focal_gamma, .weights = weights});
}

}  // namespace fovea::train
