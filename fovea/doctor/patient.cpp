#include "fovea/doctor/patient.h"

#include "fovea/optim/penalty.h"

namespace fovea::doctor {

Patient::Patient(const train::Recipe& r)
    : own_(std::make_unique<train::Setup>(train::set_up(r))),
      recipe(r),
      setup(*own_),
      frozen(train::freeze_modules(*setup.model.net, recipe.freeze)) {}

Patient::Patient(const train::Recipe& r, train::Setup& s, const train::Frozen& f)
    : recipe(r), setup(s), frozen(f) {}

data::Batch Patient::batch(int64_t most) const { return train::sample_batch(recipe, setup, most); }

double Patient::guess() const {
  return train::guessing_loss(setup.model.architecture.classes, setup.loss);
}

double Patient::penalty() const {
  const train::Regularization& r = recipe.regularization;
  if (r.l1 + r.l2 == 0) return 0;
  const Tree weights = train::regularized_weights(*setup.model.net, r, &frozen);
  return optim::penalty(weights, {.l1 = r.l1, .l2 = r.l2}).item<double>();
}

std::vector<train::SignalStats> activations_of(const Patient& p, const data::Batch& batch) {
  std::vector<train::SignalStats> all = train::stats_of(
      train::signals_of(*p.setup.model.net, batch, {.loss = p.setup.loss, .frozen = &p.frozen})
          .activations);
  all.pop_back();  // the scores
  return all;
}

}  // namespace fovea::doctor
