#pragma once

#include <string>

#include "fovea/search/search.h"

namespace fovea::search {

// The run folder of a trial: FOLDER/trials/0001.
std::string trial_folder(const std::string& folder, int64_t number);

// Writes the best recipe, where there is one, and the page.
void write_results(const SearchResult& r, const train::Config& recipe);

// Removes the weights of trials that will not go on, but those of the best one of all and of the
// best one that ended; their recipes and metrics stay.
void remove_weights(const SearchResult& r);

}  // namespace fovea::search
