#include "fovea/optim/adamw.h"

namespace fovea::optim {

AdamW::AdamW(const AdamWOptions& o)
    : Adam(
          "adamw",
          {.lr = o.lr,
           .beta1 = o.beta1,
           .beta2 = o.beta2,
           .eps = o.eps,
           .weight_decay = o.weight_decay,
           .groups = o.groups}) {}

std::shared_ptr<const Update> AdamW::rule(const At& at) const {
  AdamUpdate::Rule r = moments(at);
  r.shrink = 1 - at.lr * at.weight_decay;
  return std::make_shared<AdamUpdate>(r);
}

}  // namespace fovea::optim
