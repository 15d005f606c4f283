#pragma once

#include <mutex>
#include <vector>

#include "fovea/graph/freeze.h"
#include "fovea/models/model_file.h"

namespace fovea::models {

// Scores of a model whose weights stay as they are, by frozen plans: one for each shape of batch,
// made when it is first met. May be called from many threads.
class FrozenModel {
 public:
  // A full batch, the rest of a data set, a single picture, one more.
  static constexpr size_t usual_plans = 4;

  // Keeps the plans that were used last, `most_plans` of them. The model must outlive this.
  explicit FrozenModel(const Model& model, size_t most_plans = usual_plans)
      : model_(&model), most_plans_(most_plans) {}

  // As Model::scores, within rounding of it.
  Tensor scores(const Tensor& batch) const;
  // The same of pictures of another size than the model's, for networks that slide over them.
  Tensor scores_of_any_size(const Tensor& batch) const;

  // The plan for batches of this shape (N, H, W, C).
  graph::Plan plan(const Shape& batch) const;

 private:
  struct Entry {
    Shape batch;
    graph::Plan plan;
  };
  const Model* model_;
  size_t most_plans_;
  mutable std::mutex mutex_;
  mutable std::vector<Entry> plans_;  // newest last
};

// The plan of a network for inputs of one shape (N, H, W, C).
graph::Plan freeze(const nn::Module& net, const Shape& input);

}  // namespace fovea::models
