#pragma once

#include "fovea/optim/optimizer.h"

namespace fovea::optim {

struct RmspropOptions {
  double lr = 1e-2;
  double alpha = 0.99;  // how much of the mean square stays at each step
  double eps = 1e-8;    // beside the root
  double momentum = 0;
  double weight_decay = 0;
  bool centered = false;  // divide by the standard deviation instead of the root mean square
  std::vector<ParamGroup> groups = {};
};

// AdaGrad with a memory that fades: s' = alpha s + (1 - alpha) g^2; p' = p - lr g / (sqrt(s') +
// eps) (Tieleman and Hinton 2012, lecture 6e; centred as in Graves 2013).
class Rmsprop : public Optimizer {
 public:
  explicit Rmsprop(const RmspropOptions& o = {});

 private:
  std::shared_ptr<const Update> rule(const At& at) const override;
  RmspropOptions options_;
};

}  // namespace fovea::optim
