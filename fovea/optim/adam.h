#pragma once

#include "fovea/optim/optimizer.h"

namespace fovea::optim {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;       // how much of the mean gradient stays at each step
  double beta2 = 0.999;     // and of the mean square
  double eps = 1e-8;        // beside the root
  double weight_decay = 0;  // added to the gradient (L2); see AdamW
  std::vector<ParamGroup> groups = {};
};

// With m and s fading means of the gradient and its square, which begin as zeros,
//   p' = p - lr m^ / (sqrt(s^) + eps),   m^ = m' / (1 - beta1^t),   s^ = s' / (1 - beta2^t),
// t from 1 (Kingma and Ba 2015). The corrections undo the zeros: without them the first step would
// be (1 - beta1) / sqrt(1 - beta2) = 3.16 lr instead of lr. They never enter the stored means.
class Adam : public Optimizer {
 public:
  explicit Adam(const AdamOptions& o = {}) : Adam("adam", o) {}

 protected:
  Adam(std::string name, const AdamOptions& o);
  AdamUpdate::Rule moments(const At& at) const;  // all but the weight decay

 private:
  std::shared_ptr<const Update> rule(const At& at) const override;
  double beta1_, beta2_, eps_;
};

}  // namespace fovea::optim
