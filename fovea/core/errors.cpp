#include "fovea/core/errors.h"

#include <fmt/format.h>

namespace fovea {

namespace {

std::string describe(
    const std::string& path, const std::string& message, std::optional<uint64_t> offset) {
  return offset ? fmt::format("{}: {} (at byte {})", path, message, *offset)
                : fmt::format("{}: {}", path, message);
}

}  // namespace

IoError::IoError(std::string path, const std::string& message, std::optional<uint64_t> offset)
    : std::runtime_error(describe(path, message, offset)),
      path_(std::move(path)),
      offset_(offset) {}

void assert_failed(const char* condition, const char* file, int line) {
  throw std::logic_error(fmt::format(
      "internal error: {} does not hold ({}:{}); please report it", condition, file, line));
}

}  // namespace fovea
