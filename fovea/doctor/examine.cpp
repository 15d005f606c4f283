#include "fovea/doctor/examine.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "fovea/core/errors.h"
#include "fovea/data/balance.h"
#include "fovea/train/fit.h"
#include "fovea/train/run_report.h"

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

bool Diagnosis::healthy() const { return grave_of(findings).empty(); }

namespace {

// At most 4 of a class, and 96 in all.
std::vector<report::Picture> some_of_each_class(const Patient& p) {
  const data::Dataset& d = *p.setup.source.train;
  std::vector<int64_t> which;
  for (const std::vector<int64_t>& samples : data::samples_by_class(d))
    for (size_t i = 0; i < std::min<size_t>(samples.size(), 4) && which.size() < 96; ++i)
      which.push_back(samples[i]);
  return train::pictures_as_shown(p.recipe, p.setup.model, d, which);
}

bool ill(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& f) {
    return f.severity == Severity::problem;
  });
}

}  // namespace

void put_gravest_first(Findings& findings) {
  std::ranges::stable_sort(findings, std::greater(), &Finding::severity);
}

Findings grave_of(const Findings& findings) {
  Findings grave;
  std::ranges::copy_if(findings, std::back_inserter(grave), [](const Finding& f) {
    return f.severity != Severity::note;
  });
  return grave;
}

CheckOptions quiet_options() {
  return {.pictures = 1000, .look_seconds = 0.2, .inputs = 32, .batch = 16, .trains = false};
}

Diagnosis examine(Patient& p, const CheckOptions& o) {
  Diagnosis d;
  d.notes = p.setup.notes;
  if (o.sheet) d.sheet = some_of_each_class(p);
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
    d.forecast = forecast(p);
    check_memory(*d.forecast, p, o, d.findings);
    check_start(p, o, d.findings);
    d.checked.insert(d.checked.end(), {"memory", "start"});
  }
  if (by_steps && o.trains && !ill(d.findings)) {
    const bool overfits = check_overfit(p, o, d.findings);
    check_run(p, o, overfits, d.findings);
    d.checked.insert(d.checked.end(), {"overfit", "run"});
  }
  put_gravest_first(d.findings);
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
        {"setup", Severity::problem, 1, e.what(), "correct what the message says, then ask again"});
    d.checked = {"setup"};
    return d;
  }
}

}  // namespace fovea::doctor
