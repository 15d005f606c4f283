#include "cli/output_file.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/core/text.h"

namespace fovea::cli {

void check_output(
    const std::string& option,
    const std::string& path,
    std::initializer_list<const char*> endings) {
  if (path.empty()) return;
  const bool known = std::ranges::any_of(
      endings, [name = lower(path)](const char* ending) { return name.ends_with(ending); });
  if (!known && endings.size() > 0)
    throw std::invalid_argument(fmt::format(
        "{}: expected a file that ends with {}, got \"{}\"",
        option,
        fmt::join(endings, " or "),
        path));
  if (std::filesystem::is_directory(path))
    throw IoError(path, fmt::format("expected a file to write for {}, got a folder", option));
  AtomicFile begun(path);  // and taken away again
}

std::string counted(int64_t n, const std::string& thing) {
  return fmt::format("{} {}{}", n, thing, n == 1 ? "" : "s");
}

std::string file_line(const std::string& what, const std::string& path) {
  return fmt::format("{:<10} {}", what, path);
}

}  // namespace fovea::cli
