#pragma once

#include "fovea/optim/optimizer.h"

namespace fovea::optim {

struct AdadeltaOptions {
  double lr = 1;
  double rho = 0.9;   // how much of both mean squares stays at each step
  double eps = 1e-6;  // inside both roots
  double weight_decay = 0;
  std::vector<ParamGroup> groups = {};
};

// Steps in the parameter's own units: the root mean square of past steps over that of past
// gradients, times the gradient (Zeiler 2012).
class Adadelta : public Optimizer {
 public:
  explicit Adadelta(const AdadeltaOptions& o = {});

 private:
  std::shared_ptr<const Update> rule(const At& at) const override;
  double rho_, eps_;
};

}  // namespace fovea::optim
