#pragma once

#include <functional>
#include <set>
#include <string>

#include "fovea/doctor/findings_text.h"
#include "fovea/train/examiner.h"

namespace fovea::doctor {

// The doctor inside a run. Before the first step it looks at data, recipe, weights, and the first
// forward and backward pass of a few pictures; then at the run's record. It writes doctor.json into
// the run and tells of what it finds: between epochs of problems, in the end (also of a run that is
// stopped or breaks off) of warnings too, and of nothing twice.
class Attendant : public train::Examiner {
 public:
  using Tell = std::function<void(const Findings&)>;
  explicit Attendant(Tell tell) : tell_(std::move(tell)) {}

  void before(
      const train::RunFolder& run,
      const train::Recipe& recipe,
      train::Setup& setup,
      const train::Frozen& frozen) override;
  void during(const train::RunFolder& run) override;
  std::vector<train::Remark> broke(const train::RunFolder& run, const std::string& error) override;
  std::vector<train::Remark> after(const train::RunFolder& run) override;

 private:
  Findings look_at_record(const train::RunFolder& run, const std::string& error);
  void tell(const Findings& findings);
  Tell tell_;
  std::set<std::string> told_;  // ids
};

}  // namespace fovea::doctor
