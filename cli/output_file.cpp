#include "cli/output_file.h"

#include <filesystem>

#include <fmt/format.h>

#include "fovea/core/atomic_file.h"
#include "fovea/core/errors.h"
#include "fovea/report/export.h"

namespace fovea::cli {

void check_output(
    const std::string& option,
    const std::string& path,
    std::initializer_list<const char*> endings) {
  if (path.empty()) return;
  if (endings.size() > 0) report::ending_of(option + ":", path, endings);
  if (std::filesystem::is_directory(path))
    throw IoError(path, fmt::format("expected a file to write for {}, got a folder", option));
  AtomicFile begun(path);  // and taken away again
}

std::string file_line(const std::string& what, const std::string& path) {
  return fmt::format("{:<10} {}", what, path);
}

}  // namespace fovea::cli
