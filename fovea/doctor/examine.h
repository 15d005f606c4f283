#pragma once

#include "fovea/doctor/checks.h"

namespace fovea::doctor {

struct Diagnosis {
  Findings findings;                 // the gravest first, then in the order of the checks
  std::vector<std::string> checked;  // names of the checks that ran
  std::vector<std::string> notes;    // of setting up

  bool healthy() const;  // neither problem nor warning
};

// Examines what a recipe would train: its data, settings, weights, first loss and gradients, and a
// short run. Nothing is written. A recipe or data that cannot be used at all is a finding, too
// ("setup").
Diagnosis examine(const train::Config& config, const CheckOptions& o = {});

// The same of a patient that is set up already.
Diagnosis examine(Patient& patient, const CheckOptions& o = {});

}  // namespace fovea::doctor
