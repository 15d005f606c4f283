#include "fovea/report/table.h"

#include <stdexcept>

#include "tests/report/check_markup.h"

namespace fovea::report {
namespace {

TEST(ShortCount, HasTheNearestPrefix) {
  EXPECT_EQ(short_count(640), "640");
  EXPECT_EQ(short_count(61'706), "61.7 k");
  EXPECT_EQ(short_count(25'557'032), "25.56 M");
  EXPECT_EQ(short_count(1.814e9), "1.81 G");
}

TEST(TextTable, AlignsColumns) {
  Table table{
      {"class", "recall", "images"},
      {{"caf\u00e9", "9.5 %", "1,024"}, {"tree", "100.0 %", "7"}, {"a long name"}}};
  EXPECT_EQ(
      text_table(table),
      "class         recall  images\n"
      "\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500  "
      "\u2500\u2500\u2500\u2500\u2500\u2500\u2500  "
      "\u2500\u2500\u2500\u2500\u2500\u2500\n"
      "caf\u00e9           9.5 %   1,024\n"
      "tree         100.0 %       7\n"
      "a long name\n");
}

TEST(TextTable, ShortensTextNotNumbers) {
  Table table{{"path", "bytes"}, {{"a/very/long/path/to/a/file.png", "123456789012"}}};
  std::string text = text_table(table, 30);
  EXPECT_NE(text.find("a/very/long/pat\u2026  123456789012\n"), text.npos) << text;
  text = text_table(table, 5);
  EXPECT_NE(text.find("a/very/\u2026  123456789012\n"), text.npos) << text;
  EXPECT_EQ(text_table(table, 44), text_table(table));
}

TEST(TextTable, KnowsNumbers) {
  auto numeric = [](const std::string& cell) -> bool {
    return numeric_columns({{"c"}, {{cell}}})[0];
  };
  for (const char* cell :
       {"1",
        "-1.5",
        "\u22123",
        "+2",
        "98.1 %",
        "98%",
        "1e-4",
        "3.2 ms",
        "1,024",
        "nan",
        "-",
        "1.5 GB/s"})
    EXPECT_TRUE(numeric(cell)) << cell;
  for (const char* cell : {"cat", "3 of 10", "2026-11-21 10:00", "1x1 conv", "--", "7 layers"})
    EXPECT_FALSE(numeric(cell)) << cell;
  EXPECT_FALSE(numeric_columns({{"c"}, {}})[0]);
}

TEST(TextTable, NoColumnsNoRowsAndTooManyCells) {
  EXPECT_EQ(text_table({}), "");
  EXPECT_EQ(text_table({{"a"}, {}}), "a\n\u2500\n");
  EXPECT_EQ(
      argument_error([] {
        text_table({{"a"}, {{"1"}, {"1", "2"}}});
      }),
      "[Table] expected rows of at most 1 cells, got 2 in row 1");
}

}  // namespace
}  // namespace fovea::report
