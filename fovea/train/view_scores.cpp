#include "fovea/train/view_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/softmax.h"
#include "fovea/train/metrics.h"

namespace fovea::train {

namespace {

// log(e^a + e^b).
double log_add(double a, double b) {
  const double hi = std::max(a, b), lo = std::min(a, b);
  return std::isinf(lo) ? hi : hi + std::log1p(std::exp(lo - hi));
}

}  // namespace

ViewScores::ViewScores(const models::Model& model, const data::Views& views, size_t plans)
    : frozen_(model, std::max(plans, views.options().short_sides.size() + 1)),
      any_size_(views.options().whole) {}

Judged ViewScores::operator()(std::span<const data::ViewGroup> groups, int64_t n) const {
  std::vector<double> sums;  // logarithms of the sums of probabilities, (n, classes)
  std::vector<int> views(size_t(n), 0);
  size_t classes = 0;
  Judged result;
  result.maps.resize(size_t(n));
  for (const data::ViewGroup& group : groups) {
    Tensor scores =
        any_size_ ? frozen_.scores_of_any_size(group.images) : frozen_.scores(group.images);
    if (scores.rank() == 4) {
      for (int64_t picture : group.of)
        result.maps[size_t(picture)].push_back({scores.dim(1), scores.dim(2)});
      scores = mean(scores, {1, 2});
    }
    if (scores.rank() != 2 || (classes > 0 && scores.dim(1) != int64_t(classes)))
      throw std::invalid_argument(fmt::format(
          "[views] expected scores (N, {}), got {}",
          classes > 0 ? std::to_string(classes) : "classes",
          scores.shape().str()));
    check_finite(scores, group.of);
    Tensor p = log_softmax(scores).eval();
    classes = size_t(p.dim(1));
    sums.resize(size_t(n) * classes, -std::numeric_limits<double>::infinity());
    const auto values = p.data<float>();
    for (size_t i = 0; i < group.of.size(); ++i) {
      const auto row = size_t(group.of[i]);
      for (size_t c = 0; c < classes; ++c)
        sums[row * classes + c] = log_add(sums[row * classes + c], values[i * classes + c]);
      ++views[row];
    }
  }
  result.scores = Tensor::empty({n, int64_t(classes)});
  auto out = result.scores.mutable_data<float>();
  for (size_t i = 0; i < out.size(); ++i) {
    FOVEA_ASSERT(views[i / classes] > 0);
    out[i] = float(sums[i] - std::log(views[i / classes]));
  }
  return result;
}

}  // namespace fovea::train
