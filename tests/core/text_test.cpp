#include "fovea/core/text.h"

#include <gtest/gtest.h>

namespace fovea {
namespace {

TEST(Text, PrintableWritesNoLinesAndSpeaksToNoTerminal) {
  EXPECT_EQ(printable("layer1.0.conv1.weight ~"), "layer1.0.conv1.weight ~");
  EXPECT_EQ(printable("a\nb\x1b[31mc\r\x7f\x9b"), "a?b?[31mc???");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(printable(std::string(500, 'x')), std::string(200, 'x'));
  EXPECT_EQ(printable("abcd", 3), "abc");
}

}  // namespace
}  // namespace fovea
