#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

// Shared test data lies beside the project (../shared/data) or where FOVEA_TEST_DATA points. A user
// who has only the project has none of it: such tests skip.
namespace fovea::test {

inline std::filesystem::path data_root() {
  if (const char* root = std::getenv("FOVEA_TEST_DATA")) return root;
  return std::filesystem::path(FOVEA_SOURCE_DIR) / ".." / "shared" / "data";
}

inline std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(FOVEA_SOURCE_DIR) / "tests" / "fixtures" / name;
}

}  // namespace fovea::test

// Skips the running test unless `path` (a std::filesystem::path) exists.
#define FOVEA_NEEDS_DATA(path) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs " << (path) << ", which is not here"
