#pragma once

#include <cstdint>

#include "fovea/core/tree.h"

namespace fovea::optim {

// An average of the parameters over the steps, which often tests better than the last ones. It
// begins as the parameters at the first update, so constant parameters are their own average to the
// bit. Lazy, like the optimisers: evaluate values() with the parameters.
class ParameterAverage {
 public:
  // a' = decay a + (1 - decay) p; the average spans about 1 / (1 - decay) steps.
  static ParameterAverage exponential(double decay = 0.995);
  // The mean of all updates so far (Polyak and Juditsky 1992).
  static ParameterAverage uniform();

  void update(const Tree& params);  // after each step; the names must stay the same
  const Tree& values() const { return values_; }
  int64_t count() const { return count_; }  // of updates

  void load_state(Tree values, int64_t count);

 private:
  explicit ParameterAverage(double weight) : weight_(weight) {}

  double weight_;  // of the newest; 0 for the uniform mean
  Tree values_;
  int64_t count_ = 0;
};

}  // namespace fovea::optim
