#pragma once

#include <span>
#include <string>

namespace fovea::data {

// "a, b, c and 7 more": at most `shown` of the names.
std::string list_of(std::span<const std::string> names, size_t shown = 10);

// The candidate that differs least from `word`, by edit distance without regard to case; empty when
// none is near (more than a third of the letters differ).
std::string nearest(const std::string& word, std::span<const std::string> candidates);

// ASCII letters made small.
std::string lower(std::string text);

}  // namespace fovea::data
