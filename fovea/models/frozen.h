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
  explicit FrozenModel(const Model& model) : model_(&model) {}  // which must outlive it

  // As Model::scores, within rounding of it.
  Tensor scores(const Tensor& batch) const;

  // The plan for batches of this shape (N, H, W, C).
  graph::Plan plan(const Shape& batch) const;

 private:
  struct Entry {
    Shape batch;
    graph::Plan plan;
  };
  const Model* model_;
  mutable std::mutex mutex_;
  mutable std::vector<Entry> plans_;  // the last few used, newest last
};

// The plan of a network for inputs of one shape (N, H, W, C).
graph::Plan freeze(const nn::Module& net, const Shape& input);

}  // namespace fovea::models
