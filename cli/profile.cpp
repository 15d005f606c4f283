// fovea profile: where the time of a recipe's training steps goes.
#include <memory>

#include "cli/output_file.h"
#include "cli/recipe_flags.h"
#include "cli/step_profile.h"
#include "cli/verb.h"

namespace fovea::cli {

namespace {

struct Options {
  RecipeFlags flags;
  std::string html;
  int steps = 20;
};

}  // namespace

Verb profile_verb() {
  return {
      "profile",
      "Show where the time of a recipe's training steps goes",
      {"fovea profile recipes/lenet5-mnist.toml --data mnist/",
       "fovea profile --data digits --model convnet --html profile.html"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app, false);
        app.add_option("--steps", o->steps, "Steps to take the median of")->check(positive());
        app.add_option("--html", o->html, "Also write a page with charts")->type_name("FILE.html");
        return [o](const Globals& g) {
          check_output("--html", o->html, {".html"});
          print_profile(train::profile_recipe(o->flags.config(g), {.steps = o->steps}), o->html, g);
          return int(ok);
        };
      }};
}

}  // namespace fovea::cli
