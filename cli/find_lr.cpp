// fovea find-lr: which learning rate a recipe should have.
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/finetune_flags.h"
#include "cli/json_text.h"
#include "cli/output_file.h"
#include "cli/recipe_flags.h"
#include "fovea/train/lr_range.h"

namespace fovea::cli {

namespace {

struct Options {
  RecipeFlags flags;
  std::string from, out;
  FinetuneFlags finetune;
  train::LrRangeOptions range;
};

nlohmann::ordered_json json_of(const train::LrRange& r) {
  nlohmann::ordered_json j{
      {"recipe", r.title},
      {"recipe_lr", r.recipe_lr},
      {"suggestion", nullptr},
      {"from", r.from},
      {"to", r.to},
      {"least_lr", r.least_lr},
      {"sureness", nullptr},
      {"fall", r.fall},
      {"scatter", r.scatter},
      {"diverged", r.diverged},
      {"notes", r.notes}};
  if (r.suggestion) {
    j["suggestion"] = *r.suggestion;
    j["sureness"] = train::name_of(r.sure);
  }
  j["points"] = nlohmann::ordered_json::array();
  for (const train::LrPoint& p : r.points)
    j["points"].push_back({{"lr", p.lr}, {"loss", p.loss}, {"average", p.average}});
  return j;
}

int run(const Options& o, const Globals& g) {
  check_output("--out", o.out, {".html", ".svg", ".csv"});
  train::Config config = o.flags.config(g);
  if (!o.from.empty()) {
    train::Finetuning plan = o.finetune.plan(config, o.from, g);
    if (plan.mode == "features")
      throw std::invalid_argument(
          "fine-tuning by features has no learning rate to find: give --mode last or all");
    config = std::move(plan.config);
  }
  const train::LrRange r = train::lr_range_test(config, o.range);
  for (const std::string& text : r.notes) tell(g, "note: " + text);
  print(g.json ? json_text(json_of(r)) : train::lr_range_text(r));
  if (!o.out.empty()) {
    train::write_lr_range(r, o.out);
    tell(g, file_line("chart", o.out));
  }
  return ok;
}

}  // namespace

Verb find_lr_verb() {
  return {
      "find-lr",
      "Find a learning rate: train a little while it grows, keep nothing but the curve",
      {"fovea find-lr recipes/lenet5-mnist.toml --data mnist/ --out lr.html",
       "fovea find-lr --data photos/ --model resnet18 --set optimizer.name=sgd",
       "fovea find-lr --from model.safetensors --data photos/ --mode last"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app, false);
        app.add_option("--from", o->from, "A model file to fine-tune, as `fovea finetune` would")
            ->type_name("MODEL");
        o->finetune.add_to(app);
        app.add_option("--min-lr", o->range.min_lr, "Rate of the first step")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--max-lr", o->range.max_lr, "Rate of the last step")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--steps", o->range.steps, "Steps from one to the other")
            ->check(positive())
            ->capture_default_str();
        app.add_option("--out", o->out, "Also write the curve: .html, .svg or .csv")
            ->type_name("FILE");
        return [o](const Globals& g) { return run(*o, g); };
      }};
}

}  // namespace fovea::cli
