#include "fovea/optim/adam.h"

#include <cmath>

namespace fovea::optim {

Adam::Adam(std::string name, const AdamOptions& o)
    : Optimizer(
          std::move(name),
          {"mean", "square_mean"},
          {.lr = o.lr, .weight_decay = o.weight_decay, .groups = o.groups}),
      beta1_(o.beta1),
      beta2_(o.beta2),
      eps_(o.eps) {
  check(o.beta1 >= 0 && o.beta1 < 1, "a beta1 in [0, 1)", o.beta1);
  check(o.beta2 >= 0 && o.beta2 < 1, "a beta2 in [0, 1)", o.beta2);
  check(o.eps > 0, "an eps above 0", o.eps);
}

AdamUpdate::Rule Adam::moments(const At& at) const {
  return {
      .lr = at.lr,
      .beta1 = beta1_,
      .beta2 = beta2_,
      .eps = eps_,
      .correction1 = 1 - std::pow(beta1_, double(at.t)),
      .correction2 = 1 - std::pow(beta2_, double(at.t))};
}

std::shared_ptr<const Update> Adam::rule(const At& at) const {
  AdamUpdate::Rule r = moments(at);
  r.weight_decay = at.weight_decay;
  return std::make_shared<AdamUpdate>(r);
}

}  // namespace fovea::optim
