#include "fovea/optim/rmsprop.h"

namespace fovea::optim {

namespace {

std::vector<std::string> slots_of(const RmspropOptions& o) {
  std::vector<std::string> slots{"square_mean"};
  if (o.centered) slots.push_back("grad_mean");
  if (o.momentum != 0) slots.push_back("momentum");
  return slots;
}

}  // namespace

Rmsprop::Rmsprop(const RmspropOptions& o)
    : Optimizer(
          "rmsprop", slots_of(o), {.lr = o.lr, .weight_decay = o.weight_decay, .groups = o.groups}),
      options_(o) {
  check(o.alpha >= 0 && o.alpha < 1, "an alpha in [0, 1)", o.alpha);
  check(o.eps > 0, "an eps above 0", o.eps);
  check(o.momentum >= 0 && o.momentum < 1, "a momentum in [0, 1)", o.momentum);
}

std::shared_ptr<const Update> Rmsprop::rule(const At& at) const {
  return std::make_shared<RmspropUpdate>(RmspropUpdate::Rule{
      .lr = at.lr,
      .alpha = options_.alpha,
      .eps = options_.eps,
      .momentum = options_.momentum,
      .weight_decay = at.weight_decay,
      .centered = options_.centered});
}

}  // namespace fovea::optim
