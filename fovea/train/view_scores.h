#pragma once

#include <array>
#include <span>
#include <vector>

#include "fovea/data/views.h"
#include "fovea/models/frozen.h"

namespace fovea::train {

// What a model says of n pictures.
struct Judged {
  Tensor scores;  // f32 (n, classes): logarithms of probabilities
  // Of a models::Dense network, n lists: height and width of the map of scores of each view.
  std::vector<std::vector<std::array<int64_t, 2>>> maps;
};

// Judges pictures by several views of each, by frozen plans.
//
// Probabilities are averaged, as in Krizhevsky et al. 2012, section 4.1: a mean of probabilities is
// one again, so losses and certainties keep their meaning, and a view with large scores counts no
// more than any other. Of one view, a models::Dense network's scores are averaged over the
// positions before the softmax, as in Simonyan and Zisserman 2015, section 3.2.
class ViewScores {
 public:
  // The model must outlive this. A plan is kept for each scale of `views`, and `plans` at least:
  // one for each size of batch that comes often.
  ViewScores(
      const models::Model& model,
      const data::Views& views,
      size_t plans = models::FrozenModel::usual_plans);

  // Views of n pictures, at least one of each -> the logarithms of the mean probabilities over the
  // views of each, whose softmax are these means. Throws NonFiniteScores with the picture's place.
  Judged operator()(std::span<const data::ViewGroup> groups, int64_t n) const;

 private:
  models::FrozenModel frozen_;
  bool any_size_;
};

}  // namespace fovea::train
