#include "fovea/doctor/patient.h"

namespace fovea::doctor {

Patient::Patient(const train::Recipe& r)
    : own_(std::make_unique<train::Setup>(train::set_up(r))),
      recipe(r),
      setup(*own_),
      frozen(train::freeze_modules(*setup.model.net, recipe.freeze)) {}

Patient::Patient(const train::Recipe& r, train::Setup& s, const train::Frozen& f)
    : recipe(r), setup(s), frozen(f) {}

data::Batch Patient::batch(int64_t most) const { return train::sample_batch(recipe, setup, most); }

std::vector<train::SignalStats> activations_of(const Patient& p, const data::Batch& batch) {
  std::vector<train::SignalStats> all = train::stats_of(
      train::signals_of(*p.setup.model.net, batch, {.loss = p.setup.loss, .frozen = &p.frozen})
          .activations);
  all.pop_back();  // the scores
  return all;
}

}  // namespace fovea::doctor
