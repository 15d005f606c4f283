#pragma once

#include "fovea/train/recipe.h"

namespace fovea::search {

// A linear classifier of a few digits, trained in milliseconds by one thread.
inline train::Config tiny_recipe() {
  train::Config c = train::recipe_config();
  c.read_toml_text(
      "[data]\nlimit = 120\nworkers = 0\n[model]\nname = \"linear\"\n[train]\nepochs = 3\n"
      "batch = 20\n[optimizer]\nname = \"sgd\"\n[run]\nthreads = 1\n",
      "tiny.toml");
  return c;
}

}  // namespace fovea::search
