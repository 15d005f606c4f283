#pragma once

#include <memory>

#include "fovea/train/frozen.h"
#include "fovea/train/recipe.h"
#include "fovea/train/setup.h"
#include "fovea/train/signals.h"

namespace fovea::doctor {

// What is examined: a recipe with its data and its model, as training would begin.
class Patient {
  std::unique_ptr<train::Setup> own_;

 public:
  explicit Patient(const train::Recipe& recipe);
  // One that is set up already, and outlives this.
  Patient(const train::Recipe& recipe, train::Setup& setup, const train::Frozen& frozen);

  train::Recipe recipe;
  train::Setup& setup;
  train::Frozen frozen;

  // Pictures of the training split without augmentation, at most `most`, drawn by the seed.
  data::Batch batch(int64_t most) const;

  double guess() const;    // the recipe's loss of scores that know nothing
  double penalty() const;  // what regularisation adds to the loss, of the weights as they are
};

// What comes out of the nonlinearities of its network, for a batch.
std::vector<train::SignalStats> activations_of(const Patient& p, const data::Batch& batch);

}  // namespace fovea::doctor
