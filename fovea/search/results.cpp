#include "fovea/search/results.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "fovea/core/atomic_file.h"
#include "fovea/core/text.h"
#include "fovea/search/search_report.h"

namespace fovea::search {

namespace {

namespace fs = std::filesystem;

std::string best_recipe(const SearchResult& r, const train::Config& recipe) {
  const Trial& best = r.trials[*r.best];
  train::Config c = with_values(recipe, best.values);
  c.set("run.name", r.name + "-best", "search");
  std::string text = fmt::format(
      "# The best of {} trials of a search: {}, {} {:.4f}, {}.\n",
      r.trials.size(),
      text_of(best.values),
      name_of(r.measure),
      *score(best, r.measure),
      length_of(best));
  const int planned = r.stages[size_t(best.stage)].epochs;
  if (planned > 0 && planned < r.epochs)
    text += fmt::format(
        "# Its stage trained for {}; this recipe has {}.\n", counted(planned, "epoch"), r.epochs);
  return text + c.to_toml();
}

}  // namespace

std::string trial_folder(const std::string& folder, int64_t number) {
  return (fs::path(folder) / "trials" / fmt::format("{:04}", number)).string();
}

std::string text_of(const Values& values) {
  std::string text;
  for (const auto& [key, value] : values)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key, value);
  return text;
}

void write_results(const SearchResult& r, const train::Config& recipe) {
  const std::string toml = r.best ? best_recipe(r, recipe) : "";
  if (r.best) write_file_atomic(fs::path(r.folder) / "best.toml", toml);
  write_search_report(r, (fs::path(r.folder) / "report.html").string(), toml);
}

void remove_weights(const SearchResult& r) {
  const auto ranked = ranking(r.trials, r.measure);
  // The best of those that ended is the best of all, should those that go on fail.
  const auto best_ended =
      std::ranges::find_if(ranked, [&](size_t i) { return !r.trials[i].active(); });
  for (size_t i = 0; i < r.trials.size(); ++i) {
    const bool kept = r.best == i || (best_ended != ranked.end() && *best_ended == i);
    if (r.trials[i].active() || kept) continue;
    const fs::path folder = trial_folder(r.folder, r.trials[i].number);
    for (const char* file : {"last.safetensors", "model.safetensors"}) fs::remove(folder / file);
  }
}

}  // namespace fovea::search
