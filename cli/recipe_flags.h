#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"
#include "fovea/train/config.h"

namespace fovea::cli {

// The recipe a verb works on, and the flags that change its settings.
struct RecipeFlags {
  std::string recipe, data, model, name, determinism;
  std::vector<std::string> sets;
  int64_t epochs = 0, batch = 0, seed = -1;
  double lr = 0;

  // Without `runs` the verb leaves no run, which could have a name.
  void add_to(Arguments& app, bool runs = true);
  // Without recipe and model, where another word has their place.
  void add_settings_to(Arguments& app, bool runs = true);
  bool any() const;
  bool any_setting() const;  // beside the recipe itself
  // Defaults, the recipe, the environment, flags and --set, in this order.
  train::Config config(const Globals& g) const;
};

// Each setting with where it came from, for --print-config.
void print_config(const train::Config& config, const Globals& g);

}  // namespace fovea::cli
