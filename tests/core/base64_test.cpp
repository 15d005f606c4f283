#include "fovea/core/base64.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace fovea {
namespace {

std::string encoded(std::string_view text) { return base64(std::as_bytes(std::span(text))); }

TEST(Base64, IsAsTheStandardSays) {
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encoded("\xfb\xff\xfe"), "+//+");
}

TEST(Base64, ComesBack) {
  std::string all;
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(from_base64(encoded(all)), all);
    all += char(i);
  }
  for (const char* bad : {"Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "Zm9v!", "Zh==", "Zm9v\n"})
    EXPECT_THROW(from_base64(bad), std::invalid_argument) << bad;
}

}  // namespace
}  // namespace fovea
