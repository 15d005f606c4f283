#include "fovea/optim/sgd.h"

namespace fovea::optim {

Sgd::Sgd(const SgdOptions& o)
    : Optimizer(
          "sgd",
          o.momentum != 0 ? std::vector<std::string>{"momentum"} : std::vector<std::string>{},
          {.lr = o.lr, .weight_decay = o.weight_decay, .groups = o.groups}),
      options_(o) {
  check(o.momentum >= 0 && o.momentum < 1, "a momentum in [0, 1)", o.momentum);
  check(o.dampening >= 0 && o.dampening <= 1, "a dampening in [0, 1]", o.dampening);
  check(!o.nesterov || o.momentum > 0, "a momentum above 0 for nesterov", o.momentum);
  check(!o.nesterov || o.dampening == 0, "no dampening with nesterov", o.dampening);
}

std::shared_ptr<const Update> Sgd::rule(const At& at) const {
  return std::make_shared<SgdUpdate>(SgdUpdate::Rule{
      .lr = at.lr,
      .momentum = options_.momentum,
      .dampening = at.t == 1 ? 0 : options_.dampening,
      .weight_decay = at.weight_decay,
      .nesterov = options_.nesterov});
}

}  // namespace fovea::optim
