// fovea profile: where the time of a recipe's training steps goes.
#include <memory>

#include "cli/environment.h"
#include "cli/step_profile.h"
#include "cli/verb.h"

namespace fovea::cli {

namespace {

struct Options {
  std::string recipe, data, model, html;
  std::vector<std::string> set;
  int steps = 20;
};

int run(const Options& o, const Globals& g) {
  train::Config config = train::recipe_config();
  if (!o.recipe.empty()) config.read_toml(o.recipe);
  read_environment(config);
  if (!o.data.empty()) config.set("data.source", o.data, "--data");
  if (!o.model.empty()) config.set("model.name", o.model, "--model");
  if (g.threads > 0) config.set("run.threads", std::to_string(g.threads), "--threads");
  for (const std::string& s : o.set) config.set_expression(s, "--set");
  print_profile(train::profile_recipe(config, {.steps = o.steps}), o.html, g);
  return ok;
}

}  // namespace

Verb profile_verb() {
  return {
      "profile",
      "Show where the time of a recipe's training steps goes",
      {"fovea profile recipes/lenet5-mnist.toml --data mnist/",
       "fovea profile --data digits --model convnet --html profile.html"},
      [](CLI::App& app) {
        auto o = std::make_shared<Options>();
        app.add_option("recipe", o->recipe, "A TOML recipe; flags and --set change its settings")
            ->type_name("RECIPE.toml");
        app.add_option("--data", o->data, "digits, a folder, an archive, or train=A,test=B")
            ->type_name("SOURCE");
        app.add_option("--model", o->model, "A model of `fovea models`")->type_name("NAME");
        app.add_option("--set", o->set, "Change any setting; may be repeated")
            ->type_name("KEY=VALUE");
        app.add_option("--steps", o->steps, "Steps to take the median of")->check(positive());
        app.add_option("--html", o->html, "Also write a page with charts")->type_name("FILE");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
