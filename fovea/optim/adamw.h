#pragma once

#include "fovea/optim/adam.h"

namespace fovea::optim {

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;  // apart from the gradient
  std::vector<ParamGroup> groups = {};
};

// Adam whose weights shrink by lr weight_decay at each step, apart from the gradient, so that the
// decay is not divided by the gradient's size (Loshchilov and Hutter 2019).
class AdamW : public Adam {
 public:
  explicit AdamW(const AdamWOptions& o = {});

 private:
  std::shared_ptr<const Update> rule(const At& at) const override;
};

}  // namespace fovea::optim
