#pragma once

#include <functional>

#include "fovea/doctor/findings_text.h"
#include "fovea/train/examiner.h"

namespace fovea::doctor {

// The doctor inside a run. Before the first step it looks at data, recipe, weights, and the first
// forward and backward pass of a few pictures; afterwards at the run's record. It writes
// doctor.json into the run and tells of problems and warnings when it finds them.
class Attendant : public train::Examiner {
 public:
  using Tell = std::function<void(const Findings&)>;
  explicit Attendant(Tell tell) : tell_(std::move(tell)) {}

  void before(
      const train::RunFolder& run,
      const train::Recipe& recipe,
      train::Setup& setup,
      const train::Frozen& frozen) override;
  void broke(const train::RunFolder& run, const std::string& error) override;
  std::vector<train::Remark> after(const train::RunFolder& run) override;

 private:
  Findings look_at_record(const train::RunFolder& run, const std::string& error);
  void tell(const Findings& findings) const;
  Tell tell_;
};

}  // namespace fovea::doctor
