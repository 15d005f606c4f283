#include "fovea/doctor/attendant.h"

#include <algorithm>

#include "fovea/doctor/page.h"

namespace fovea::doctor {

namespace {

// A doctor that fails must not keep a run from training.
Finding failed(const std::exception& e) {
  return {
      "doctor.failed",
      Severity::note,
      1,
      e.what(),
      "ask `fovea doctor` yourself; if that fails too, it is a mistake in fovea"};
}

}  // namespace

void Attendant::tell(const Findings& findings) {
  Findings grave = grave_of(findings);
  std::erase_if(grave, [&](const Finding& f) { return !told_.insert(f.id).second; });
  if (tell_ && !grave.empty()) tell_(grave);
}

void Attendant::before(
    const train::RunFolder& run,
    const train::Recipe& recipe,
    train::Setup& setup,
    const train::Frozen& frozen) {
  RunFile file;
  try {
    Patient patient(recipe, setup, frozen);
    file.before = examine(patient, quiet_options());
  } catch (const std::exception& e) {
    file.before.findings.push_back(failed(e));
  }
  // The trainer has told its owner already.
  std::erase_if(file.before.findings, [&](const Finding& f) {
    return std::ranges::any_of(
        setup.notes, [&](const std::string& note) { return note.starts_with(f.saw); });
  });
  write_run_file(run.file("doctor.json"), file);
  tell(file.before.findings);
}

Findings Attendant::look_at_record(const train::RunFolder& run, const std::string& error) {
  try {
    const std::string path = run.file("doctor.json");
    RunFile file = read_run_file(path);
    file.error = error;
    file.run = examine_record(run.path().string());
    write_run_file(path, file);
    tell(file.run.findings);
    return examine_run(run.path().string()).findings;
  } catch (const std::exception& e) {
    return {failed(e)};
  }
}

void Attendant::during(const train::RunFolder& run) {
  try {
    Findings found = examine_record(run.path().string()).findings;
    std::erase_if(found, [](const Finding& f) { return f.severity != Severity::problem; });
    tell(found);
  } catch (const std::exception&) {  // after() will say so
  }
}

std::vector<train::Remark> Attendant::broke(const train::RunFolder& run, const std::string& error) {
  return remarks_of(look_at_record(run, error));
}

std::vector<train::Remark> Attendant::after(const train::RunFolder& run) {
  return remarks_of(look_at_record(run, ""));
}

}  // namespace fovea::doctor
