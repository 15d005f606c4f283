#include "fovea/search/checks.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/data/source.h"
#include "fovea/train/setup.h"

namespace fovea::search {

void check(const train::Recipe& recipe, const SearchOptions& o) {
  auto fail = [](const std::string& what) { throw std::invalid_argument("[search] " + what); };
  if (o.space.empty())
    fail("nothing to vary: give a table [search] in the recipe, or --vary key=log:1e-5:1e-1");
  if (o.budget < 0 || !std::isfinite(o.budget) || o.trials < 0)
    fail(fmt::format(
        "expected a budget of some time or trials, got {} s and {}", o.budget, o.trials));
  if (o.budget == 0 && o.trials == 0 && o.sampling == Sampling::random)
    fail("the budget is empty: give a time, such as --budget 30m, or --trials 20");
  if (o.jobs < 1 || o.stages < 1)
    fail(fmt::format("expected at least one job and one stage, got {} and {}", o.jobs, o.stages));
  if (o.eta < 2) fail(fmt::format("expected an eta of at least 2, got {}", o.eta));
  if (!(o.shrink > 0 && o.shrink <= 1))
    fail(fmt::format("expected ranges to shrink by a factor in (0, 1], got {}", o.shrink));
  if (recipe.val_share == 0 && recipe.fold.of == 0 &&
      recipe.source.find("val=") == std::string::npos)
    fail("trials are judged on a validation split: give data.val above 0");
}

void open_data(const train::Recipe& recipe, const Space& space) {
  auto varies = [&](const char* key) {
    return std::ranges::find(space, key, &Dimension::key) != space.end();
  };
  if (!recipe.from.empty() && !varies("model.from")) train::model_from(recipe);
  if (varies("data.source")) return;
  const data::Source source =
      data::open(recipe.source, {.allow_missing_classes = recipe.allow_missing_classes});
  if (!source.train || recipe.fold.of == 0) return;
  const int64_t all = source.train->size();
  const int64_t samples = recipe.limit > 0 ? std::min(recipe.limit, all) : all;
  if (recipe.fold.of > samples)
    throw std::invalid_argument(fmt::format(
        "[search] expected as many folds as samples at most, {}, got {}", samples, recipe.fold.of));
}

Settings settings_of(const train::Config& recipe, const SearchOptions& o) {
  Settings s;
  for (const auto& [key, value] : recipe.under("")) {
    const bool matters = !key.starts_with("run.") || key == "run.seed" || key == "run.determinism";
    if (matters) s[key] = value;
  }
  const std::string toml = recipe.to_toml();
  if (const size_t lists = toml.find("\n[["); lists != std::string::npos)
    s["lists of the recipe"] = toml.substr(lists);
  for (const Dimension& d : o.space) {
    // All folds are told by their number.
    const bool all_folds =
        d.key == "data.fold" && std::to_string(d.choices.size()) == recipe.text("data.folds");
    if (!all_folds) s["--vary " + d.key] = d.str();
  }
  s["--stages"] = std::to_string(o.stages);
  s["--shrink"] = fmt::format("{}", o.shrink);
  s["--sampler"] = o.sampling == Sampling::grid ? fmt::format("grid of {}", o.points) : "random";
  s["--stopping"] = name_of(o.stopping);
  s["--eta"] = std::to_string(o.eta);
  s["--metric"] = name_of(o.measure);
  return s;
}

}  // namespace fovea::search
