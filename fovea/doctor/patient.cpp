#include "fovea/doctor/patient.h"

#include <algorithm>

namespace fovea::doctor {

Patient::Patient(const train::Recipe& r)
    : own_(std::make_unique<train::Setup>(train::set_up(r))),
      recipe(r),
      setup(*own_),
      frozen(train::freeze_modules(*setup.model.net, recipe.freeze)) {}

Patient::Patient(const train::Recipe& r, train::Setup& s, const train::Frozen& f)
    : recipe(r), setup(s), frozen(f) {}

data::Batch Patient::batch(int64_t most) const {
  data::LoaderOptions o = train::loader_options(recipe, setup, false);
  o.batch_size = std::min(most, setup.source.train->size());
  o.shuffle = true;
  o.workers = 0;
  o.cache_bytes = 0;
  data::Loader loader(setup.source.train, o);
  loader.start(0);
  auto first = loader.next();
  if (!first) throw std::invalid_argument("[doctor] there is no picture to train on");
  return *first;
}

}  // namespace fovea::doctor
