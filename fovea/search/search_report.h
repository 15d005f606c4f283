#pragma once

#include <string>

#include "fovea/search/search.h"

namespace fovea::search {

// Writes the page of a search: the best trials, parallel coordinates, a chart for each key, hints
// of importance, what failed, and the best recipe as `best_toml` has it.
void write_search_report(
    const SearchResult& r, const std::string& path, const std::string& best_toml);

}  // namespace fovea::search
