#include "fovea/search/checks.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

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

Settings settings_of(const train::Config& recipe, const SearchOptions& o) {
  Settings s;
  for (const auto& [key, value] : recipe.under("")) {
    const bool matters = !key.starts_with("run.") || key == "run.seed" || key == "run.determinism";
    if (matters) s[key] = value;
  }
  const std::string toml = recipe.to_toml();
  if (const size_t lists = toml.find("\n[["); lists != std::string::npos)
    s["lists of the recipe"] = toml.substr(lists);
  for (const Dimension& d : o.space) s["--vary " + d.key] = d.str();
  s["--stages"] = std::to_string(o.stages);
  s["--shrink"] = fmt::format("{}", o.shrink);
  s["--sampler"] = o.sampling == Sampling::grid ? fmt::format("grid of {}", o.points) : "random";
  s["--stopping"] = name_of(o.stopping);
  s["--eta"] = std::to_string(o.eta);
  s["--metric"] = name_of(o.measure);
  return s;
}

}  // namespace fovea::search
