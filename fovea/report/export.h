#pragma once

#include <initializer_list>
#include <string>

namespace fovea::report {

// Throws std::invalid_argument, naming the function `of`, for a file with another ending than
// these.
void check_ending(
    const std::string& of, const std::string& path, std::initializer_list<const char*> endings);

// A text as a cell of a CSV file: in quotes where it has commas, quotes or line ends (RFC 4180).
std::string csv_cell(const std::string& text);

}  // namespace fovea::report
