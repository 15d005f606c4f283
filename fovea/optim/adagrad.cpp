#include "fovea/optim/adagrad.h"

namespace fovea::optim {

Adagrad::Adagrad(const AdagradOptions& o)
    : Optimizer(
          "adagrad",
          {"square_sum"},
          {.lr = o.lr, .weight_decay = o.weight_decay, .groups = o.groups}),
      eps_(o.eps) {
  check(o.eps > 0, "an eps above 0", o.eps);
}

std::shared_ptr<const Update> Adagrad::rule(const At& at) const {
  return std::make_shared<AdagradUpdate>(
      AdagradUpdate::Rule{.lr = at.lr, .eps = eps_, .weight_decay = at.weight_decay});
}

}  // namespace fovea::optim
