#include "fovea/report/export.h"

#include <gtest/gtest.h>

#include "tests/support/check_op.h"

namespace fovea::report {
namespace {

TEST(Export, CellsWithCommasOrQuotesAreQuoted) {
  EXPECT_EQ(csv_cell("64"), "64");
  EXPECT_EQ(csv_cell("32,64"), "\"32,64\"");
  EXPECT_EQ(csv_cell("a \"b\""), "\"a \"\"b\"\"\"");
}

TEST(Export, EndingsAreChecked) {
  EXPECT_EQ(ending_of("[f]", "a.csv", {".svg", ".csv"}), ".csv");
  EXPECT_EQ(ending_of("[f]", "A.SVG", {".svg", ".csv"}), ".svg");
  EXPECT_EQ(
      test::message_of([] {
        ending_of("[f]", "a.png", {".html", ".svg", ".csv"});
      }),
      "[f] expected a file that ends with .html, .svg or .csv, got \"a.png\"");
}

}  // namespace
}  // namespace fovea::report
