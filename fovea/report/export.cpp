#include "fovea/report/export.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/text.h"

namespace fovea::report {

std::string ending_of(
    const std::string& who, const std::string& path, std::initializer_list<const char*> endings) {
  const std::string small = lower(path);
  for (const char* ending : endings)
    if (small.ends_with(ending)) return ending;
  std::string all;
  for (const auto* e = endings.begin(); e != endings.end(); ++e)
    all += std::string(all.empty() ? "" : e + 1 == endings.end() ? " or " : ", ") + *e;
  throw std::invalid_argument(
      fmt::format("{} expected a file that ends with {}, got \"{}\"", who, all, path));
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string cell = "\"";
  for (char c : text) cell += c == '"' ? "\"\"" : std::string(1, c);
  return cell + "\"";
}

}  // namespace fovea::report
