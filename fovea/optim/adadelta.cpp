#include "fovea/optim/adadelta.h"

namespace fovea::optim {

Adadelta::Adadelta(const AdadeltaOptions& o)
    : Optimizer(
          "adadelta",
          {"square_mean", "step_mean"},
          {.lr = o.lr, .weight_decay = o.weight_decay, .groups = o.groups}),
      rho_(o.rho),
      eps_(o.eps) {
  check(o.rho >= 0 && o.rho < 1, "a rho in [0, 1)", o.rho);
  check(o.eps > 0, "an eps above 0", o.eps);
}

std::shared_ptr<const Update> Adadelta::rule(const At& at) const {
  return std::make_shared<AdadeltaUpdate>(
      AdadeltaUpdate::Rule{.lr = at.lr, .rho = rho_, .eps = eps_, .weight_decay = at.weight_decay});
}

}  // namespace fovea::optim
