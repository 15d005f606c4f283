#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Small helpers for messages.
namespace fovea {

// Edits (insert, delete, replace, swap of neighbours) that turn a into b.
int edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, letters of either case being equal, or "" if none is near enough
// to be what was meant.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// `; did you mean "x"?`, or "" if nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

// "a, b, c and 7 more": at most `shown` of the names.
std::string list_of(std::span<const std::string> names, size_t shown = 10);

std::string lower(std::string text);  // ASCII letters made small

// Text of a file or a server, fit for a message: what is not printable ASCII as "?", so that no
// name writes lines of its own or speaks to the terminal, and at most `most` characters.
std::string printable(std::string_view text, size_t most = 200);

std::string counted(int64_t n, std::string_view thing);  // "1 step", "2 steps"

}  // namespace fovea
