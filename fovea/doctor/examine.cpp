#include "fovea/doctor/examine.h"

#include <algorithm>

#include "fovea/core/errors.h"
#include "fovea/train/fit.h"

namespace fovea::doctor {

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::problem:
      return "problem";
  }
  return "";
}

bool Diagnosis::healthy() const {
  return std::all_of(findings.begin(), findings.end(), [](const Finding& f) {
    return f.severity == Severity::note;
  });
}

namespace {

bool ill(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& f) {
    return f.severity == Severity::problem;
  });
}

}  // namespace

Diagnosis examine(Patient& p, const CheckOptions& o) {
  Diagnosis d;
  d.notes = p.setup.notes;
  check_data(p, o, d.findings);
  check_recipe(p, d.findings);
  d.checked = {"data", "recipe"};
  const bool by_steps = train::learns_by_steps(p.setup.model);
  if (by_steps) {
    check_weights(p, d.findings);
    d.checked.push_back("weights");
  }
  // Of a network that cannot learn, a run would only tell the same again.
  if (by_steps && !ill(d.findings)) {
    check_start(p, d.findings);
    d.checked.push_back("start");
  }
  if (by_steps && !ill(d.findings)) {
    const bool overfits = check_overfit(p, o, d.findings);
    check_run(p, o, overfits, d.findings);
    d.checked.insert(d.checked.end(), {"overfit", "run"});
  }
  std::stable_sort(d.findings.begin(), d.findings.end(), [](const Finding& a, const Finding& b) {
    return a.severity > b.severity;
  });
  return d;
}

Diagnosis examine(const train::Config& config, const CheckOptions& o) {
  try {
    const train::Recipe recipe(config);
    train::use_processors(recipe);
    Patient patient(recipe);
    return examine(patient, o);
  } catch (const std::invalid_argument& e) {
    Diagnosis d;
    d.findings.push_back(
        {"setup", Severity::problem, 1, e.what(), "mend what the message says, then ask again"});
    d.checked = {"setup"};
    return d;
  }
}

}  // namespace fovea::doctor
