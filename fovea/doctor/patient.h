#pragma once

#include <span>

#include "fovea/train/frozen.h"
#include "fovea/train/recipe.h"
#include "fovea/train/setup.h"
#include "fovea/train/signals.h"

namespace fovea::doctor {

// What is examined: a recipe with its data and its model, as training would begin.
struct Patient {
  train::Recipe recipe;
  train::Setup setup;
  train::Frozen frozen;

  explicit Patient(const train::Recipe& recipe);

  // The first pictures of the training split without augmentation, at most `most` and a batch.
  data::Batch batch(int64_t most) const;
};

using train::norm_of;

// Puts parameters and state of a network back when it is destroyed.
class Restore {
 public:
  explicit Restore(nn::Module& net);
  ~Restore();
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  nn::Module& net_;
  Tree parameters_, state_;
};

// The activations after the nonlinearities of a network, for a batch.
struct Activation {
  std::string path, op;  // "features.3", "relu"
  double dead = 0;       // share of channels that are 0 for the whole batch
  double saturated = 0;  // share of tanh and sigmoid within 1 % of an end
  double std = 0;
};
std::vector<Activation> activations(nn::Module& net, const data::Batch& batch);

}  // namespace fovea::doctor
