#include "fovea/report/export.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::report {

void check_ending(
    const std::string& of, const std::string& path, std::initializer_list<const char*> endings) {
  if (std::ranges::any_of(endings, [&](const char* ending) { return path.ends_with(ending); }))
    return;
  std::string all;
  for (const auto* e = endings.begin(); e != endings.end(); ++e)
    all += std::string(all.empty() ? "" : e + 1 == endings.end() ? " or " : ", ") + *e;
  throw std::invalid_argument(
      fmt::format("[{}] expected a file that ends with {}, got \"{}\"", of, all, path));
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string cell = "\"";
  for (char c : text) cell += c == '"' ? "\"\"" : std::string(1, c);
  return cell + "\"";
}

}  // namespace fovea::report
