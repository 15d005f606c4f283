#pragma once

#include <optional>

#include "fovea/doctor/checks.h"
#include "fovea/doctor/record.h"
#include "fovea/report/html.h"

namespace fovea::doctor {

struct Diagnosis {
  Findings findings;                 // the gravest first, then in the order of the checks
  std::vector<std::string> checked;  // names of the checks that ran
  std::vector<std::string> notes;    // of setting up
  std::optional<Forecast> forecast;  // of a recipe
  // Some training pictures of each class as the network meets them, with CheckOptions::sheet.
  std::vector<report::Picture> sheet = {};

  bool healthy() const;  // neither problem nor warning
};

void put_gravest_first(Findings& findings);
Findings grave_of(const Findings& findings);  // problems and warnings

// Examines what a recipe would train: its data, settings, weights, first loss and gradients, and a
// short run. Nothing is written. A recipe or data that cannot be used at all is a finding, too
// ("setup").
Diagnosis examine(const train::Config& config, const CheckOptions& o = {});

// The same of a patient that is set up already.
Diagnosis examine(Patient& patient, const CheckOptions& o = {});

// What a run can have looked at before its first step: nothing that trains, and less of all else.
CheckOptions quiet_options();

// What a run's record tells, also while it trains.
Diagnosis examine(const Record& record, const train::Recipe& recipe);

// The same of the record in a run's folder; examine_run adds what was found before its first step.
// Both throw IoError for a folder that is none of a run.
Diagnosis examine_record(const std::string& folder);
Diagnosis examine_run(const std::string& folder);

}  // namespace fovea::doctor
