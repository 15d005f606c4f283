// fovea doctor: what keeps a recipe from training well.
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "cli/output_file.h"
#include "cli/recipe_flags.h"
#include "cli/verb.h"
#include "fovea/core/atomic_file.h"
#include "fovea/core/text.h"
#include "fovea/doctor/findings_text.h"
#include "fovea/doctor/page.h"

namespace fovea::cli {

namespace {

struct Options {
  RecipeFlags flags;
  doctor::CheckOptions checks;
  std::string apply, html, sheet;
};

std::string text_of(const doctor::Diagnosis& d) {
  std::string checked;
  for (const std::string& c : d.checked) checked += (checked.empty() ? "" : ", ") + c;
  const std::string needs = d.forecast ? "forecast: " + d.forecast->str() + "\n" : "";
  return doctor::text_of(d.findings) + needs +
         fmt::format("{}; looked at: {}\n", d.healthy() ? "healthy" : "not healthy", checked);
}

int run(Options o, const Globals& g) {
  const std::string folder = std::filesystem::is_directory(o.flags.recipe) ? o.flags.recipe : "";
  if (!folder.empty())  // a run keeps its recipe
    o.flags.recipe = (std::filesystem::path(folder) / "recipe.toml").string();
  const doctor::CheckOptions usual;
  const bool settings = o.flags.any_setting() || !o.sheet.empty() ||
                        o.checks.steps != usual.steps || o.checks.pictures != usual.pictures ||
                        o.checks.seconds != usual.seconds;
  if (!folder.empty() && settings)
    throw std::invalid_argument(fmt::format(
        "a run is judged by its record, without --sheet, --steps, --pictures, --seconds and "
        "settings: give {} instead of the run",
        o.flags.recipe));
  check_output("--html", o.html, {".html"});
  check_output("--sheet", o.sheet, {".png", ".jpg", ".jpeg"});
  check_output("--apply", o.apply);
  o.checks.sheet = !o.html.empty() || !o.sheet.empty();
  const doctor::Diagnosis d =
      folder.empty() ? doctor::examine(o.flags.config(g), o.checks) : doctor::examine_run(folder);
  for (const std::string& note : d.notes) tell(g, "note: " + note);
  print(g.json ? doctor::json_of(d) : text_of(d));
  if (!o.html.empty()) {
    doctor::write_page(o.html, o.flags.recipe, d);
    tell(g, file_line("page", o.html));
  }
  if (!o.sheet.empty()) {
    doctor::write_sheet(o.sheet, d);
    tell(g, file_line("picture", o.sheet));
  }
  if (!o.apply.empty()) {
    train::Config config = o.flags.config(g);
    int changed = 0;
    for (const doctor::Finding& f : d.findings)
      for (const auto& [key, value] : f.changes) {
        config.set(key, value, "fovea doctor");
        ++changed;
      }
    write_file_atomic(o.apply, config.to_toml());
    tell(g, file_line("recipe", o.apply));
    tell(
        g,
        changed ? fmt::format("{} changed in it", counted(changed, "setting"))
                : fmt::format("nothing to change; {} is the recipe as it was", o.apply));
  }
  return d.healthy() ? ok : check_failed;
}

}  // namespace

Verb doctor_verb() {
  return {
      "doctor",
      "Look for what keeps a recipe, or a run, from training well",
      {"fovea doctor recipes/convnet-digits.toml",
       "fovea doctor --data photos/ --model resnet18 --set data.height=64 --json",
       "fovea doctor recipe.toml --apply better.toml --html doctor.html",
       "fovea doctor runs/convnet-digits"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app, false);
        app.get_option("recipe")
            ->description("A TOML recipe, or the folder of a run")
            ->type_name("RECIPE.toml|RUN");
        app.add_option("--apply", o->apply, "Write the recipe with the safe changes made")
            ->type_name("FILE");
        app.add_option(
               "--html", o->html, "Also write a page, with the pictures as training shows them")
            ->type_name("FILE.html");
        app.add_option("--sheet", o->sheet, "Write those pictures as a contact sheet")
            ->type_name("FILE.png");
        app.add_option("--steps", o->checks.steps, "Steps of the short run")->check(positive());
        app.add_option("--pictures", o->checks.pictures, "Pictures of a split to look at")
            ->check(positive());
        app.add_option("--seconds", o->checks.seconds, "At most, of each part that trains")
            ->check(positive());
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
