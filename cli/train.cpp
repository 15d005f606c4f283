// fovea train: a recipe, or flags, to a run folder.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_text.h"
#include "cli/recipe_flags.h"
#include "cli/training.h"
#include "cli/verb.h"
#include "fovea/image/augment.h"
#include "fovea/models/layers.h"
#include "fovea/optim/factory.h"
#include "fovea/optim/schedule.h"
#include "fovea/train/frozen.h"
#include "fovea/train/recipe.h"
#include "fovea/train/setup.h"

namespace fovea::cli {

namespace {

struct Options {
  RecipeFlags flags;
  std::string resume, list;
  bool loss_surface = false, print_config = false, overwrite = false, dry_run = false;
};

nlohmann::ordered_json json_of(const std::vector<optim::MethodInfo>& methods) {
  nlohmann::ordered_json list;
  for (const optim::MethodInfo& m : methods) {
    nlohmann::ordered_json options = nlohmann::ordered_json::array();
    for (const optim::OptionInfo& o : m.options)
      options.push_back({{"name", o.name}, {"default", o.fallback}, {"what", o.doc}});
    list.push_back({{"name", m.name}, {"what", m.doc}, {"paper", m.paper}, {"options", options}});
  }
  return list;
}

// `fovea train --list WHAT --json`: what has a name, what it is, and its options. A layer's option
// without a default must be given.
nlohmann::ordered_json json_of_tables(const std::string& what) {
  using Json = nlohmann::ordered_json;
  Json list;
  if (what == "optimizers") return json_of(optim::optimizer_table());
  if (what == "schedules") return json_of(optim::schedule_table());
  if (what == "settings")
    for (const train::KeyInfo& k : train::recipe_keys())
      list.push_back({{"name", k.key}, {"default", k.fallback}, {"what", k.what}});
  if (what == "layers")
    for (const models::LayerType& t : models::layer_types()) {
      Json options = Json::array();
      for (const models::LayerOption& p : t.options)
        options.push_back(
            {{"name", p.name},
             {"default", p.fallback.empty() ? Json() : Json(p.fallback)},
             {"what", p.what}});
      list.push_back({{"name", t.name}, {"what", t.what}, {"options", options}});
    }
  if (what == "augment")
    for (const image::StepInfo& s : image::step_table()) {
      Json options = Json::array();
      for (const image::StepParameter& p : s.parameters)
        options.push_back({{"name", p.name}, {"default", p.value}, {"what", p.doc}});
      list.push_back({{"name", s.name}, {"what", s.doc}, {"options", options}});
    }
  return list;
}

// `fovea train --list WHAT`: the tables a recipe can draw on.
int list_tables(const std::string& what, const Globals& g) {
  if (g.json) {
    print(json_text(json_of_tables(what)));
    return ok;
  }
  std::string text;
  if (what == "settings") {
    for (const train::KeyInfo& k : train::recipe_keys())
      text +=
          fmt::format("{:<28} {:<10} {}\n", k.key, k.fallback.empty() ? "-" : k.fallback, k.what);
  } else if (what == "layers") {
    for (const models::LayerType& t : models::layer_types()) {
      text += fmt::format("{:<12} {}\n", t.name, t.what);
      for (const models::LayerOption& p : t.options)
        text += fmt::format(
            "  {:<10} {:<12} {}\n", p.name, p.fallback.empty() ? "(must)" : p.fallback, p.what);
    }
  } else if (what == "augment") {
    for (const image::StepInfo& s : image::step_table()) {
      text += fmt::format("{:<20} {}\n", s.name, s.doc);
      for (const image::StepParameter& p : s.parameters)
        text += fmt::format("  {:<18} {:<10} {}\n", p.name, p.value, p.doc);
    }
  } else if (what == "optimizers") {
    text = optim::optimizer_help();
  } else if (what == "schedules") {
    text = optim::schedule_help();
  }
  print(text);
  return ok;
}

// Makes all that a run would begin with.
int try_out(const train::Recipe& recipe, const Globals& g) {
  const auto optimizer = optim::make_optimizer(recipe.optimizer);
  train::use_processors(recipe);
  const train::Setup s = train::set_up(recipe);
  const int64_t batches = std::max<int64_t>(1, s.source.train->size() / recipe.batch);
  optim::make_schedule(
      recipe.schedule,
      {.lr = optimizer->lr(), .total_steps = batches * recipe.epochs, .steps_per_epoch = batches});
  train::freeze_modules(*s.model.net, recipe.freeze);
  train::regularized_weights(*s.model.net, recipe.regularization, nullptr);
  for (const std::string& text : s.notes) tell(g, "note: " + text);
  tell(g, "the recipe is well formed: " + recipe.name);
  return ok;
}

int run_training(const Options& o, const Globals& g) {
  if (!o.list.empty()) return list_tables(o.list, g);
  if (!o.resume.empty() && (o.flags.any() || o.loss_surface))
    throw std::invalid_argument(
        "a run that is resumed follows its own recipe.toml: give --resume without settings");
  train::Config config = o.flags.config(g);
  if (o.loss_surface) config.set("report.loss_surface", "true", "--loss-surface");
  if (o.print_config) {
    print_config(config, g);
    return ok;
  }
  if (o.dry_run) return try_out(train::Recipe(config), g);
  return o.resume.empty() ? train_and_print(config, o.overwrite, g) : resume_and_print(o.resume, g);
}

}  // namespace

Verb train_verb() {
  return {
      "train",
      "Train a classifier from a recipe or from flags",
      {"fovea train --data digits --model convnet --epochs 3",
       "fovea train recipes/lenet5-mnist.toml --data mnist/ --set optimizer.lr=0.1",
       "fovea train --data photos/ --model resnet18 --set data.height=64",
       "fovea train --data spiral --model two_layer --epochs 100 --batch 32 --loss-surface",
       "fovea train --resume runs/convnet-digits",
       "fovea train recipes/lenet5-mnist.toml --print-config"},
      [](Arguments& app) {
        auto o = std::make_shared<Options>();
        o->flags.add_to(app);
        app.add_option("--resume", o->resume, "Go on with a run that was stopped, as it began")
            ->type_name("RUN");
        app.add_flag("--overwrite", o->overwrite, "Replace a run of the same name");
        app.add_flag(
            "--loss-surface",
            o->loss_surface,
            "Map the loss around the model and along the way of the training, for the report");
        app.add_flag("--print-config", o->print_config, "Show each setting and where it came from");
        app.add_flag("--dry-run", o->dry_run, "Check the recipe and open its data, then stop");
        app.add_option("--list", o->list, "Show what a recipe can draw on")
            ->check(one_of({"settings", "layers", "augment", "optimizers", "schedules"}));
        return [o](const Globals& g) { return run_training(*o, g); };
      }};
}

}  // namespace fovea::cli
