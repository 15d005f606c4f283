#pragma once

#include "fovea/search/search.h"
#include "fovea/train/recipe.h"

namespace fovea::search {

// Throws std::invalid_argument for options that cannot be followed.
void check(const train::Recipe& recipe, const SearchOptions& o);

// Opens the data and the model of a recipe that trials have in common, to throw what keeps all of
// them from training: what cannot be read, and more folds than samples.
void open_data(const train::Recipe& recipe, const Space& space);

// All that must be equal for a search to go on.
Settings settings_of(const train::Config& recipe, const SearchOptions& o);

}  // namespace fovea::search
