#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/test_data.h"

// Texts that must not change by themselves, kept in tests/fixtures. A change that means to change
// them renews them: run the test with FOVEA_RENEW_GOLDENS=1 and commit what it writes.
namespace fovea::test {

// The text is that of the fixture `name`, line by line.
inline void expect_golden(const std::string& name, const std::string& text) {
  if (std::getenv("FOVEA_RENEW_GOLDENS")) {
    std::ofstream(fixture(name), std::ios::binary) << text;
    return;
  }
  std::ifstream file(fixture(name), std::ios::binary);
  ASSERT_TRUE(file) << name << " is missing; run with FOVEA_RENEW_GOLDENS=1 to write it";
  std::istringstream got(text);
  std::string expected, line;
  for (int number = 1;; ++number) {
    bool more = bool(std::getline(file, expected)), have = bool(std::getline(got, line));
    if (!more && !have) return;
    ASSERT_TRUE(more && have && expected == line)
        << name << ":" << number << ": expected \"" << (more ? expected : "the end") << "\", got \""
        << (have ? line : "the end")
        << "\"; if the change is meant, run with FOVEA_RENEW_GOLDENS=1 and commit the file";
  }
}

}  // namespace fovea::test
