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

  void add_to(Arguments& app);
  void add_settings_to(
      Arguments& app);  // without recipe and model, where another word has their place
  bool any() const;
  // Defaults, the recipe, the environment, flags and --set, in this order.
  train::Config config(const Globals& g) const;
};

}  // namespace fovea::cli
