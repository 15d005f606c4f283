#pragma once

#include <string>
#include <string_view>
#include <vector>

// Small helpers for messages.
namespace fovea {

// Edits (insert, delete, replace, swap of neighbours) that turn a into b.
int edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, or "" if none is near enough to be what was meant.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// `; did you mean "x"?`, or "" if nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace fovea
