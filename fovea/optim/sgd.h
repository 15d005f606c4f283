#pragma once

#include "fovea/optim/optimizer.h"

namespace fovea::optim {

struct SgdOptions {
  double lr = 1e-3;
  double momentum = 0;      // 0.9 is usual
  double dampening = 0;     // share of the gradient kept out of the momentum
  double weight_decay = 0;  // L2; He et al. (2016) trained ResNets with 1e-4
  bool nesterov = false;
  std::vector<ParamGroup> groups = {};
};

// Stochastic gradient descent as PyTorch defines it: with g the gradient plus weight_decay p,
//   v' = momentum v + (1 - dampening) g, which begins as v = g;   p' = p - lr v'.
// Nesterov's steps along g + momentum v' instead: his lookahead in the variable z = p - lr
// momentum v (Polyak 1964; Nesterov 1983; Sutskever et al. 2013). The velocity points uphill: it is
// subtracted.
class Sgd : public Optimizer {
 public:
  explicit Sgd(const SgdOptions& o = {});

 private:
  std::shared_ptr<const Update> rule(const At& at) const override;
  SgdOptions options_;
};

}  // namespace fovea::optim
