#include "fovea/train/session_state.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/backend/instruction_set.h"
#include "fovea/core/device.h"
#include "fovea/core/version.h"

namespace fovea::train {

namespace {

// Adds the entries of `from` under a prefix, and takes them out again.
void put(Tree& to, const std::string& prefix, const Tree& from) {
  for (const auto& [name, t] : from) to[prefix + name] = t;
}
Tree take(const Tree& from, const std::string& prefix) {
  Tree part;
  for (const auto& [name, t] : from)
    if (name.starts_with(prefix)) part[name.substr(prefix.size())] = t;
  return part;
}

}  // namespace

void capture(const Learner& learner, Checkpoint& to) {
  to.tensors.clear();
  put(to.tensors, "model/", nn::parameters(*learner.model.net));
  put(to.tensors, "model/", nn::state(*learner.model.net));
  put(to.tensors, "optimizer/", learner.optimizer.state());
  if (learner.average) {
    put(to.tensors, "average/", learner.average->values());
    to.running["averaged"] = double(learner.average->count());
  }
  to.schedule = learner.schedule.state();
  to.threads = threads();
  to.arithmetic = cpu::arithmetic();
  to.data = learner.model.data_fingerprint;
  to.version = version();
}

std::vector<std::string> restore(
    const Learner& learner, Checkpoint& from, const std::string& source) {
  if (from.data != learner.model.data_fingerprint)
    throw std::invalid_argument(fmt::format(
        "{}: the training data is not what the run began with (it was {}, now {})",
        source,
        from.data,
        learner.model.data_fingerprint));
  std::vector<std::string> notes;
  auto differs = [&](const char* what, const std::string& was, const std::string& is) {
    if (was != is)
      notes.push_back(fmt::format(
          "{} was {} and is now {}: the result may differ in the last bits", what, was, is));
  };
  differs("the number of threads", std::to_string(from.threads), std::to_string(threads()));
  differs("the arithmetic", from.arithmetic, cpu::arithmetic());
  differs("the version of fovea", from.version, version());
  nn::assign(*learner.model.net, take(from.tensors, "model/"));
  learner.optimizer.load_state(take(from.tensors, "optimizer/"), from.step);
  learner.schedule.load_state(from.schedule);
  // As of the last step.
  if (from.step > 0) learner.optimizer.set_lr(learner.schedule.lr(from.step - 1));
  if (learner.average)
    learner.average->load_state(
        take(from.tensors, "average/"), int64_t(from.running.at("averaged")));
  from.tensors.clear();
  return notes;
}

}  // namespace fovea::train
