#include "fovea/search/cross_validate.h"

#include <cmath>

#include "tests/report/check_markup.h"
#include "tests/search/tiny_recipe.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::search {
namespace {

class CrossValidateTest : public test::FolderTest {};

TEST_F(CrossValidateTest, EveryValueMeetsEveryFold) {
  const CrossValidation c = cross_validate(
      tiny_recipe(),
      {.folds = 3,
       .key = "optimizer.lr",
       .values = {"1e-7", "0.01", "0.003"},
       .folder = path("folds")});
  ASSERT_EQ(c.rows.size(), 3u);
  EXPECT_EQ(c.folds, 3);
  for (const FoldRow& row : c.rows) {
    ASSERT_EQ(row.accuracy.size(), 3u);
    double sum = 0, squares = 0;
    for (double a : row.accuracy) {
      EXPECT_GE(a, 0);
      sum += a;
    }
    EXPECT_NEAR(row.mean, sum / 3, 1e-12);
    for (double a : row.accuracy) squares += (a - row.mean) * (a - row.mean);
    EXPECT_NEAR(row.deviation, std::sqrt(squares / 2), 1e-12);
    EXPECT_NEAR(row.error, row.deviation / std::sqrt(3), 1e-12);
  }
  ASSERT_TRUE(c.best);
  EXPECT_NE(*c.best, 0u);  // that rate hardly learns
  EXPECT_GT(c.rows[*c.best].mean, c.rows[0].mean + 0.2);
  EXPECT_HAS(text_of(c), "best optimizer.lr: " + c.rows[*c.best].value);

  write_cross_validation(c, path("chart.svg"));
  const std::string svg = read("chart.svg");
  EXPECT_TRUE(report::is_well_formed(svg));
  EXPECT_EQ(report::count(svg, "fill-opacity=\".65\""), 9);  // a dot for each fold
  EXPECT_EQ(report::count(svg, "standard deviation "), 3);   // a bar for each value
  EXPECT_HAS(read("folds/report.html"), "on one fold of a model trained on the others");
  write_cross_validation(c, path("numbers.csv"));
  EXPECT_EQ(report::count(read("numbers.csv"), "\n"), 10);
  EXPECT_HAS(
      test::message_of([&] { write_cross_validation(c, path("x.png")); }),
      "ends with .html, .svg or .csv");
}

// Half of the digits vote where k is large, so that one near neighbour knows better.
TEST_F(CrossValidateTest, ChoosesTheNumberOfNeighbours) {
  train::Config recipe = tiny_recipe();
  recipe.set("model.name", "knn", "test");
  const CrossValidation c = cross_validate(
      recipe, {.folds = 2, .key = "knn.k", .values = {"60", "1"}, .folder = path("folds")});
  EXPECT_TRUE(c.failures.empty());
  ASSERT_TRUE(c.best);
  EXPECT_EQ(*c.best, 1u);
  EXPECT_GT(c.rows[1].mean, c.rows[0].mean + 0.2);
}

TEST_F(CrossValidateTest, WithoutAKeyItJudgesTheRecipe) {
  CrossValidateOptions o{.folds = 2, .folder = path("folds")};
  int64_t steps = 0;
  o.stop = [&] { return ++steps == 5; };
  EXPECT_TRUE(cross_validate(tiny_recipe(), o).interrupted);
  o.stop = {};
  const CrossValidation c = cross_validate(tiny_recipe(), o);
  EXPECT_FALSE(c.interrupted);
  ASSERT_EQ(c.rows.size(), 1u);
  EXPECT_TRUE(std::isfinite(c.rows[0].accuracy[0]) && std::isfinite(c.rows[0].accuracy[1]));
  EXPECT_HAS(
      test::message_of(
          [&] { cross_validate(tiny_recipe(), {.folds = 3, .folder = path("folds")}); }),
      "data.folds is \"2\" there and \"3\" here");
  o.folder = path("straight");
  EXPECT_EQ(cross_validate(tiny_recipe(), o).rows[0].accuracy, c.rows[0].accuracy);
}

TEST_F(CrossValidateTest, MistakesSayWhatWasExpected) {
  auto error = [&](const CrossValidateOptions& o) {
    return test::message_of([&] { cross_validate(tiny_recipe(), o); });
  };
  EXPECT_HAS(error({.folds = 1, .folder = path("f")}), "expected 2 to 50 folds, got 1");
  EXPECT_HAS(error({.folds = 51, .folder = path("f")}), "expected 2 to 50 folds, got 51");
  EXPECT_HAS(
      error({.folds = 2, .key = "train.epochs", .values = {"1", "2"}, .folder = path("f")}),
      "train.epochs is what early stopping divides");
  train::Config few = tiny_recipe();
  few.set("data.limit", "20", "test");
  EXPECT_HAS(
      test::message_of([&] { cross_validate(few, {.folds = 30, .folder = path("f")}); }),
      "as many folds as samples at most, 20, got 30");
  EXPECT_FALSE(std::filesystem::exists(path("f")));
  EXPECT_HAS(error({.key = "train.batch", .folder = path("f")}), "expected values of train.batch");
  EXPECT_HAS(error({.key = "data.fold", .values = {"1"}, .folder = path("f")}), "folds themselves");
}

}  // namespace
}  // namespace fovea::search
