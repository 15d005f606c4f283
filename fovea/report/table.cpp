#include "fovea/report/table.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "fovea/core/utf8.h"

namespace fovea::report {

namespace {

constexpr size_t narrowest = 8;
constexpr std::string_view gap = "  ";

// "12", "-0.5", "98.1 %", "1,024", "3.2 ms", "1e-4", "nan", "-": an optional sign and a digit
// first, then a unit of at most four letters.
bool reads_as_number(std::string_view text) {
  if (text.empty() || text == "-" || text == "\u2013" || text == "nan" || text == "inf")
    return true;
  if (text.starts_with("\u2212"))
    text.remove_prefix(3);
  else if (text[0] == '+' || text[0] == '-')
    text.remove_prefix(1);
  if (text.empty() || !std::isdigit(uint8_t(text[0]))) return false;
  size_t unit = text.find_first_not_of("0123456789.,eE+-");
  if (unit == text.npos) return true;
  text.remove_prefix(unit);
  if (text.starts_with(' ')) text.remove_prefix(1);
  return utf8_length(text) <= 4 &&
         std::ranges::none_of(text, [](char c) { return std::isdigit(uint8_t(c)) || c == ' '; });
}

// Takes from the widest column of text until the sum fits or all are as narrow as they may be.
void fit(std::vector<size_t>& widths, const std::vector<bool>& numeric, size_t limit) {
  size_t total = (widths.size() - 1) * gap.size();
  for (size_t w : widths) total += w;
  while (total > limit) {
    size_t widest = widths.size();
    for (size_t c = 0; c < widths.size(); ++c)
      if (!numeric[c] && widths[c] > narrowest &&
          (widest == widths.size() || widths[c] > widths[widest]))
        widest = c;
    if (widest == widths.size()) return;
    --widths[widest];
    --total;
  }
}

}  // namespace

std::string short_count(double n) {
  if (n >= 1e9) return fmt::format("{:.2f} G", n / 1e9);
  if (n >= 1e6) return fmt::format("{:.2f} M", n / 1e6);
  if (n >= 1e3) return fmt::format("{:.1f} k", n / 1e3);
  return fmt::format("{:.0f}", n);
}

void check_table(const Table& table) {
  for (size_t i = 0; i < table.rows.size(); ++i)
    if (table.rows[i].size() > table.columns.size())
      throw std::invalid_argument(fmt::format(
          "[Table] expected rows of at most {} cells, got {} in row {}",
          table.columns.size(),
          table.rows[i].size(),
          i));
}

std::vector<bool> numeric_columns(const Table& table) {
  std::vector<bool> numeric(table.columns.size(), !table.rows.empty());
  for (const auto& row : table.rows)
    for (size_t c = 0; c < row.size() && c < numeric.size(); ++c)
      if (!reads_as_number(row[c])) numeric[c] = false;
  return numeric;
}

std::string text_table(const Table& table, int width) {
  check_table(table);
  if (table.columns.empty()) return "";
  std::vector<bool> numeric = numeric_columns(table);
  std::vector<size_t> widths;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    size_t widest = utf8_length(table.columns[c]);
    for (const auto& row : table.rows)
      if (c < row.size()) widest = std::max(widest, utf8_length(row[c]));
    widths.push_back(widest);
  }
  if (width > 0) fit(widths, numeric, size_t(width));

  std::string out;
  auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t c = 0; c < widths.size(); ++c) {
      std::string cell = utf8_shorten(c < cells.size() ? cells[c] : "", widths[c]);
      std::string fill(widths[c] - utf8_length(cell), ' ');
      if (c > 0) line += gap;
      line += numeric[c] ? fill + cell : cell + fill;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  add_line(table.columns);
  for (size_t c = 0; c < widths.size(); ++c) {
    if (c > 0) out += gap;
    for (size_t i = 0; i < widths[c]; ++i) out += "\u2500";
  }
  out += '\n';
  for (const auto& row : table.rows) add_line(row);
  return out;
}

}  // namespace fovea::report
