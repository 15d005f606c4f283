// fovea doctor: what keeps a recipe from training well.
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/recipe_flags.h"
#include "cli/verb.h"
#include "fovea/core/atomic_file.h"
#include "fovea/doctor/examine.h"

namespace fovea::cli {

namespace {

struct Options {
  RecipeFlags flags;
  doctor::CheckOptions checks;
  std::string apply;
};

nlohmann::ordered_json json_of(const doctor::Diagnosis& d) {
  nlohmann::ordered_json j{{"healthy", d.healthy()}, {"checked", d.checked}};
  j["findings"] = nlohmann::json::array();
  for (const doctor::Finding& f : d.findings) {
    nlohmann::ordered_json one{
        {"id", f.id},
        {"severity", doctor::name_of(f.severity)},
        {"certainty", f.certainty},
        {"saw", f.saw},
        {"advice", f.advice},
        {"changes", nlohmann::json::object()}};
    for (const auto& [key, value] : f.changes) one["changes"][key] = value;
    j["findings"].push_back(std::move(one));
  }
  return j;
}

std::string text_of(const doctor::Diagnosis& d) {
  std::string text;
  for (const doctor::Finding& f : d.findings) {
    text += fmt::format(
        "{} {} ({:.0f} % sure)\n  saw: {}\n  do:  {}\n",
        doctor::name_of(f.severity),
        f.id,
        100 * f.certainty,
        f.saw,
        f.advice);
    for (const auto& [key, value] : f.changes)
      text += fmt::format("       --set {}={}\n", key, value);
  }
  std::string checked;
  for (const std::string& c : d.checked) checked += (checked.empty() ? "" : ", ") + c;
  return text +
         fmt::format("{}; looked at: {}\n", d.healthy() ? "healthy" : "not healthy", checked);
}

int run(Options o, const Globals& g) {
  if (std::filesystem::is_directory(o.flags.recipe))  // a run keeps its recipe
    o.flags.recipe = (std::filesystem::path(o.flags.recipe) / "recipe.toml").string();
  train::Config config = o.flags.config(g);
  const doctor::Diagnosis d = doctor::examine(config, o.checks);
  for (const std::string& note : d.notes) tell(g, "note: " + note);
  print(g.json ? json_of(d).dump(2) + "\n" : text_of(d));
  if (!o.apply.empty()) {
    int changed = 0;
    for (const doctor::Finding& f : d.findings)
      for (const auto& [key, value] : f.changes) {
        config.set(key, value, "fovea doctor");
        ++changed;
      }
    write_file_atomic(o.apply, config.to_toml());
    tell(g, fmt::format("{} has the recipe with {} settings changed", o.apply, changed));
  }
  return d.healthy() ? ok : check_failed;
}

}  // namespace

Verb doctor_verb() {
  return {
      "doctor",
      "Look for what keeps a recipe from training well",
      {"fovea doctor recipes/convnet-digits.toml",
       "fovea doctor --data photos/ --model resnet18 --set data.height=64 --json",
       "fovea doctor recipe.toml --apply better.toml"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app);
        app.get_option("recipe")->type_name("RECIPE.toml|RUN");
        app.add_option("--apply", o->apply, "Write the recipe with the safe changes made")
            ->type_name("FILE");
        app.add_option("--steps", o->checks.steps, "Steps of the short run")->check(positive());
        app.add_option("--pictures", o->checks.pictures, "Pictures of a split to look at")
            ->check(positive());
        app.add_option("--seconds", o->checks.seconds, "At most, of each part that trains")
            ->check(positive());
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
