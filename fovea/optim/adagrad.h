#pragma once

#include "fovea/optim/optimizer.h"

namespace fovea::optim {

struct AdagradOptions {
  double lr = 1e-2;
  double eps = 1e-7;  // beside the root; PyTorch's default is 1e-10
  double weight_decay = 0;
  std::vector<ParamGroup> groups = {};
};

// Divides each step by the root of the sum of all squared gradients so far, so steps only shrink:
//   s' = s + g^2;   p' = p - lr g / (sqrt(s') + eps)   (Duchi et al. 2011).
class Adagrad : public Optimizer {
 public:
  explicit Adagrad(const AdagradOptions& o = {});

 private:
  std::shared_ptr<const Update> rule(const At& at) const override;
  double eps_;
};

}  // namespace fovea::optim
