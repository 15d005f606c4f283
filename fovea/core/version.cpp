#include "fovea/core/version.h"

#include <fmt/format.h>

namespace fovea {

std::string version() { return FOVEA_VERSION; }

std::string build_details() {
#ifdef __clang__
  const char* compiler = "clang";
#else
  const char* compiler = "gcc";
#endif
  return fmt::format("{} {}, {} build", compiler, __VERSION__, FOVEA_BUILD_TYPE);
}

}  // namespace fovea
