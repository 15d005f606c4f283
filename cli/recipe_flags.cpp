#include "cli/recipe_flags.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/environment.h"
#include "cli/json_text.h"
#include "fovea/train/recipe.h"

namespace fovea::cli {

void RecipeFlags::add_to(Arguments& app, bool runs) {
  app.add_option("recipe", recipe, "A TOML recipe; flags and --set change its settings")
      ->type_name("RECIPE.toml");
  app.add_option(
         "--model",
         model,
         "A model of `fovea models`, or knn, svm, l2svm, softmax, rbf, tree, layers")
      ->type_name("NAME");
  add_settings_to(app, runs);
}

void RecipeFlags::add_settings_to(Arguments& app, bool runs) {
  app.add_option(
         "--data",
         data,
         "digits, a folder, an archive, points (moons, FILE.csv), or train=A,test=B")
      ->type_name("SOURCE");
  if (runs) app.add_option("--name", name, "Name of the run: runs/NAME")->type_name("NAME");
  app.add_option("--epochs", epochs, "Passes over the data")->check(positive());
  app.add_option("--batch", batch, "Pictures per step")->check(positive());
  app.add_option("--lr", lr, "Learning rate")->check(positive());
  app.add_option("--seed", seed, "Seed of everything random")->check(not_negative());
  app.add_option("--deterministic", determinism, "strict: the same bits for any number of threads")
      ->check(one_of({"usual", "strict"}));
  app.add_option(
         "--set",
         sets,
         "Change any setting, also of a layer: model.layers.2.rate=0.3. May be repeated; "
         "FOVEA_<SECTION>_<NAME> variables do so too")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->allow_extra_args(false);
}

bool RecipeFlags::any() const { return !recipe.empty() || any_setting(); }

bool RecipeFlags::any_setting() const {
  return !(data + model + name + determinism).empty() || !sets.empty() || epochs > 0 || batch > 0 ||
         lr > 0 || seed >= 0;
}

train::Config RecipeFlags::config(const Globals& g) const {
  train::Config c = train::recipe_config();
  if (!recipe.empty()) c.read_toml(recipe);
  for (const std::string& text : read_environment(c)) tell(g, "note: " + text);
  auto flag = [&](const char* key, const std::string& value, const char* option) {
    if (!value.empty()) c.set(key, value, option);
  };
  flag("data.source", data, "--data");
  flag("model.name", model, "--model");
  flag("run.name", name, "--name");
  flag("train.epochs", epochs ? std::to_string(epochs) : "", "--epochs");
  flag("train.batch", batch ? std::to_string(batch) : "", "--batch");
  flag("optimizer.lr", lr ? fmt::format("{}", lr) : "", "--lr");
  flag("run.seed", seed >= 0 ? std::to_string(seed) : "", "--seed");
  flag("run.determinism", determinism, "--deterministic");
  flag("run.threads", g.threads ? std::to_string(g.threads) : "", "--threads");
  for (const std::string& s : sets) c.set_expression(s, "--set");
  return c;
}

void print_config(const train::Config& config, const Globals& g) {
  if (!g.json) return print(config.to_table());
  nlohmann::ordered_json j;
  for (const auto& [key, value] : config.under(""))
    j[key] = {{"value", value}, {"origin", config.origin(key)}};
  for (const char* name : {"model.layers", "augment"})
    for (const train::Item& item : config.list(name)) {
      nlohmann::ordered_json entry{{"type", item.type}};
      for (const auto& [option, value] : item.options) entry[option] = value;
      j[name].push_back(std::move(entry));
    }
  print(json_text(j));
}

}  // namespace fovea::cli
