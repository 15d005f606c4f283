#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/doctor/examine.h"
#include "fovea/doctor/findings_text.h"

namespace fovea::doctor {

Diagnosis examine(const Record& r, const train::Recipe& recipe) {
  Diagnosis d;
  Findings of_layers;
  check_layers(r, of_layers);
  const bool dead = std::ranges::any_of(of_layers, [](const Finding& f) {
    return f.id == "relu.dead" || f.id == "activation.saturated";
  });
  const bool learns = check_learning(r, recipe, dead, d.findings);
  d.findings.insert(d.findings.end(), of_layers.begin(), of_layers.end());
  if (learns) {
    check_pace(r, recipe, d.findings);
    check_fit(r, d.findings);
  }
  check_upkeep(r, recipe, d.findings);
  put_gravest_first(d.findings);
  d.checked = {"loss", "fit", "waiting", "growth"};
  if (!r.looks.empty()) d.checked.insert(d.checked.begin() + 1, "layers");
  return d;
}

namespace {

Record record_of(const std::filesystem::path& run) {
  for (const char* file : {"recipe.toml", "metrics.jsonl"})
    if (!std::filesystem::exists(run / file))
      throw IoError(
          run.string(),
          fmt::format(
              "not a run: it has no {}; give a recipe, or the folder of a run such as "
              "runs/convnet-digits",
              file));
  const auto lines = train::read_metrics((run / "metrics.jsonl").string());
  if (lines.empty())
    throw IoError((run / "metrics.jsonl").string(), "holds no line of a run's record");
  return read_record(lines);
}

Diagnosis examine(const Record& record, const std::filesystem::path& run) {
  train::Config config = train::recipe_config();
  config.read_toml((run / "recipe.toml").string());
  return examine(record, train::Recipe(config));
}

}  // namespace

Diagnosis examine_record(const std::string& folder) { return examine(record_of(folder), folder); }

Diagnosis examine_run(const std::string& folder) {
  const Record record = record_of(folder);
  Diagnosis d = examine(record, std::filesystem::path(folder));
  RunFile file = read_run_file((std::filesystem::path(folder) / "doctor.json").string());
  if (record.broken && !file.error.empty() && !d.findings.empty())
    d.findings.front().saw += ": " + file.error;
  d.findings.insert(d.findings.end(), file.before.findings.begin(), file.before.findings.end());
  put_gravest_first(d.findings);
  d.checked.insert(d.checked.begin(), file.before.checked.begin(), file.before.checked.end());
  if (!record.done() && !record.broken)
    d.notes.push_back(
        fmt::format("the run has come to step {} of {}", record.last_step(), record.steps));
  return d;
}

}  // namespace fovea::doctor
