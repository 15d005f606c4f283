#include "fovea/models/frozen.h"

#include <algorithm>

#include "fovea/ops/join.h"
#include "fovea/ops/slice.h"

namespace fovea::models {

graph::Plan freeze(const nn::Module& net, const Shape& input) {
  auto forward = [&](std::span<const Tensor> in) {
    nn::Ctx ctx;
    return std::vector<Tensor>{nn::forward(net, in[0], ctx)};
  };
  const Spec spec{input, Dtype::f32};
  return graph::freeze_batch(forward, std::span(&spec, 1));
}

Tensor FrozenModel::scores(const Tensor& batch) const {
  model_->preprocess.check_input(batch);
  return scores_of_any_size(batch);
}

Tensor FrozenModel::scores_of_any_size(const Tensor& batch) const {
  auto run = [&](const Tensor& x) {
    Tensor scores = plan(x.shape()).run(x);
    check_rows(scores, x.dim(0));
    return scores;
  };
  if (!model_->one_by_one) return run(batch);
  std::vector<Tensor> each;
  for (int64_t i = 0; i < batch.dim(0); ++i)
    each.push_back(run(slice(batch, 0, {.start = i, .stop = i + 1}).eval()));
  return concat(each, 0).eval();
}

graph::Plan FrozenModel::plan(const Shape& batch) const {
  std::lock_guard lock(mutex_);
  auto it = std::ranges::find(plans_, batch, &Entry::batch);
  if (it == plans_.end()) {
    if (plans_.size() == most_plans_) plans_.erase(plans_.begin());
    plans_.push_back({batch, freeze(*model_->net, batch)});
    it = std::prev(plans_.end());
  }
  std::rotate(it, std::next(it), plans_.end());
  return plans_.back().plan;
}

}  // namespace fovea::models
