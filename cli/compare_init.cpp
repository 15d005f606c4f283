// fovea compare-init: how a recipe's network begins under several initialisers.
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/output_file.h"
#include "cli/recipe_flags.h"
#include "cli/verb.h"
#include "fovea/train/init_table.h"

namespace fovea::cli {

namespace {

struct Options {
  RecipeFlags flags;
  train::InitOptions how;
  std::string out;
};

nlohmann::ordered_json json_of(const train::InitTable& t) {
  nlohmann::ordered_json j{{"recipe", t.title}, {"pictures", t.pictures}};
  j["initialisers"] = nlohmann::json::array();
  for (const train::InitColumn& c : t.columns) {
    nlohmann::ordered_json layers = nlohmann::json::array();
    for (const train::SignalStats& s : c.layers)
      layers.push_back(
          {{"layer", s.name},
           {"op", s.op},
           {"mean", s.mean},
           {"std", s.std},
           {"zero", s.zero},
           {"dead", s.dead},
           {"saturated", s.saturated},
           {"gradient_mean", s.gradient_mean},
           {"gradient_std", s.gradient_std}});
    j["initialisers"].push_back(
        {{"rule", c.rule}, {"verdict", c.verdict}, {"loss", c.loss}, {"layers", layers}});
  }
  return j;
}

int run(const Options& o, const Globals& g) {
  check_output("--out", o.out, {".html", ".csv"});
  const train::InitTable t = train::init_table(o.flags.config(g), o.how);
  for (const std::string& text : t.notes) tell(g, "note: " + text);
  print(g.json ? json_text(json_of(t)) : train::init_table_text(t));
  if (!o.out.empty()) {
    train::write_init_table(t, o.out);
    tell(g, file_line("written", o.out));
  }
  return ok;
}

}  // namespace

Verb compare_init_verb() {
  return {
      "compare-init",
      "Compare initialisers on a network before training: activations and gradients by layer",
      {"fovea compare-init recipes/lenet5-mnist.toml --data digits --out init.html",
       "fovea compare-init --data digits --model convnet --rules recipe,small_normal,he_normal"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app, false);
        app.add_option("--rules", o->how.rules, "Initialisers with commas between; recipe: its own")
            ->delimiter(',')
            ->type_name("NAME,...");
        app.add_option("--pictures", o->how.pictures, "Pictures of the training split to look at")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--out", o->out, "Also write it: .html with charts, or .csv")
            ->type_name("FILE");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
