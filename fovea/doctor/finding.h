#pragma once

#include <string>
#include <utility>
#include <vector>

namespace fovea::doctor {

enum class Severity : unsigned char { note, warning, problem };

// Something that keeps a training run from going as well as it could.
struct Finding {
  std::string id;  // "rate.high"; docs/doctor.md lists them
  Severity severity = Severity::warning;
  double certainty = 1;     // that it is so, from 0 to 1
  std::string saw, advice;  // what was measured; what to do
  // Settings of the recipe that would mend it and are safe to change.
  std::vector<std::pair<std::string, std::string>> changes = {};
};

using Findings = std::vector<Finding>;

std::string_view name_of(Severity severity);  // "problem"

}  // namespace fovea::doctor
