#include "fovea/train/loss.h"

#include <numeric>
#include <stdexcept>

#include "fovea/ops/create.h"
#include "fovea/ops/loss.h"

namespace fovea::train {

Tensor classification_loss(const Tensor& scores, const Tensor& labels, const LossOptions& o) {
  if (o.hinge != Hinge::none) {
    if (o.label_smoothing > 0 || !o.class_weights.empty() || o.focal_gamma)
      throw std::invalid_argument(
          "[loss] expected the hinge loss alone, got smoothing, class weights or a gamma with it");
    return multiclass_hinge(scores, labels, {.squared = o.hinge == Hinge::squared});
  }
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

double guessing_loss(int64_t classes, const LossOptions& o) {
  std::vector<int32_t> each(size_t(classes), 0);
  std::iota(each.begin(), each.end(), 0);
  return classification_loss(zeros({classes, classes}), Tensor::from<int32_t>(each, {classes}), o)
      .item<double>();
}

}  // namespace fovea::train
