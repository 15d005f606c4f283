#include "fovea/report/markup.h"

#include <gtest/gtest.h>

namespace fovea::report {
namespace {

TEST(Markup, EscapesWhatHasMeaning) {
  EXPECT_EQ(
      escape("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(escape("na\u00efve \u732b \U0001f408\n\t"), "na\u00efve \u732b \U0001f408\n\t");
  EXPECT_EQ(escape(""), "");
}

TEST(Markup, ReplacesWhatXmlForbids) {
  EXPECT_EQ(escape(std::string("a\0b\x1b", 4)), "a\ufffdb\ufffd");
  EXPECT_EQ(escape("caf\xe9!"), "caf\ufffd!");                        // Latin-1
  EXPECT_EQ(escape("\xc0\xbc"), "\ufffd\ufffd");                      // overlong '<'
  EXPECT_EQ(escape("\xe0\x80\xbc"), "\ufffd\ufffd\ufffd");            // the same in three bytes
  EXPECT_EQ(escape("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");            // a surrogate
  EXPECT_EQ(escape("\xf4\x90\x80\x80"), "\ufffd\ufffd\ufffd\ufffd");  // beyond U+10FFFF
  EXPECT_EQ(escape("\xef\xbf\xbf"), "\ufffd\ufffd\ufffd");            // U+FFFF
  EXPECT_EQ(escape("x\xe2\x82"), "x\ufffd\ufffd");                    // ends early
}

}  // namespace
}  // namespace fovea::report
