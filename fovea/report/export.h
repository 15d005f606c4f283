#pragma once

#include <initializer_list>
#include <string>

namespace fovea::report {

// Which of these endings a file has, small and capital letters alike. Throws std::invalid_argument
// for another one; the message begins with `who`, "[lr_range_test]" or "--out:".
std::string ending_of(
    const std::string& who, const std::string& path, std::initializer_list<const char*> endings);

// A text as a cell of a CSV file: in quotes where it has commas, quotes or line ends (RFC 4180).
std::string csv_cell(const std::string& text);

}  // namespace fovea::report
