#pragma once

#include "fovea/search/search.h"
#include "fovea/train/recipe.h"

namespace fovea::search {

// Throws std::invalid_argument for options that cannot be followed.
void check(const train::Recipe& recipe, const SearchOptions& o);

// All that must be equal for a search to go on.
Settings settings_of(const train::Config& recipe, const SearchOptions& o);

}  // namespace fovea::search
