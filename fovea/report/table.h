#pragma once

#include <string>
#include <vector>

namespace fovea::report {

// Rows of texts under column names; a short row is filled up with empty cells. A column whose cells
// all read as numbers (perhaps with a unit) is set flush right.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

// A large number in short: "1.81 G", "25.56 M", "61.7 k", "640".
std::string short_count(double n);

// Throws std::invalid_argument for a row longer than the columns.
void check_table(const Table& table);

// Which columns of the table are numbers.
std::vector<bool> numeric_columns(const Table& table);

// The table for a terminal: UTF-8, one line a row, a rule under the column names, no trailing
// spaces. Beyond `width` characters the widest columns of text are shortened with an ellipsis, but
// never below 8; 0 means no limit. Checks the table.
std::string text_table(const Table& table, int width = 0);

}  // namespace fovea::report
