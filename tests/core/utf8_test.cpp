#include "fovea/core/utf8.h"

#include <gtest/gtest.h>

namespace fovea {
namespace {

TEST(Utf8, ShortensByCharacters) {
  EXPECT_EQ(utf8_length("caf\u00e9"), 4u);
  EXPECT_EQ(utf8_shorten("caf\u00e9", 4), "caf\u00e9");
  EXPECT_EQ(utf8_shorten("\u00e9\u00e9\u00e9", 2), "\u00e9\u2026");
  EXPECT_EQ(utf8_shorten("abc", 1), "\u2026");
  EXPECT_EQ(utf8_shorten("abc", 0), "");
}

TEST(Utf8, FindsWellFormedSequences) {
  EXPECT_EQ(utf8_sequence(""), 0u);
  EXPECT_EQ(utf8_sequence("a\xe9"), 1u);
  EXPECT_EQ(utf8_sequence("\u00e9"), 2u);
  EXPECT_EQ(utf8_sequence("\u732b"), 3u);
  EXPECT_EQ(utf8_sequence("\U0001f408"), 4u);
  for (const char* bad :
       {"\xe9", "\xc0\xbc", "\xe0\x80\xbc", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"})
    EXPECT_EQ(utf8_sequence(bad), 0u);
}

TEST(Utf8, OtherTextIsReadAsLatin1) {
  EXPECT_EQ(to_utf8("caf\xe9"), "caf\u00e9");
  EXPECT_EQ(to_utf8("\xc9t\xe9 \xfc"), "\u00c9t\u00e9 \u00fc");
  EXPECT_EQ(to_utf8("na\u00efve \u732b"), "na\u00efve \u732b");    // is UTF-8
  EXPECT_EQ(to_utf8("na\u00efve\xe9"), "na\u00c3\u00afve\u00e9");  // all of it or nothing
  EXPECT_EQ(to_utf8(""), "");
}

}  // namespace
}  // namespace fovea
