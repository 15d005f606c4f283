#include "fovea/search/space.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "fovea/train/recipe.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::search {
namespace {

using test::message_of;

Dimension parse(const std::string& key, const std::string& text) {
  return parse_dimension(train::recipe_config(), key, text, "--vary");
}

Valid takes(const train::Config& recipe) {
  return [recipe](const Values& v) { return refusal(recipe, v).empty(); };
}

TEST(Space, OfManyChoicesTheFirstAndTheLastAreShown) {
  EXPECT_EQ(shortened("choice:1|2|3|4|5"), "choice:1|2|3|4|5");
  EXPECT_EQ(shortened("choice:1|2|3|4|5|6"), "choice:1|2|3|...|6");
  EXPECT_EQ(shortened("log:0.1:1"), "log:0.1:1");
}

TEST(Dimension, LogarithmicRangesAreDrawnFlatInLogarithms) {
  const Space space{parse("optimizer.lr", "log:1e-6:1e-2")};
  std::array<int, 4> decades{};
  for (uint64_t i = 0; i < 4000; ++i) {
    const double lr = std::stod(draw(space, Key(3).fold_in(i)).at("optimizer.lr"));
    ASSERT_GE(lr, 1e-6);
    ASSERT_LE(lr, 1e-2);
    ++decades[size_t(std::clamp(std::log10(lr) + 6, 0.0, 3.999))];
  }
  for (int n : decades) EXPECT_NEAR(n, 1000, 110);  // four standard deviations
}

TEST(Dimension, WholeNumbersIncludeBothEnds) {
  const Dimension d = parse("train.batch", "uniform:2:5");
  EXPECT_TRUE(d.whole);
  std::map<std::string, int> seen;
  for (uint64_t i = 0; i < 400; ++i) ++seen[draw({d}, Key(1).fold_in(i)).at("train.batch")];
  EXPECT_EQ(seen.size(), 4u);
  for (const auto& [value, n] : seen) EXPECT_NEAR(n, 100, 40) << value;
  EXPECT_EQ(parse("optimizer.k", "log:4:64:whole").value(0.5), "16");
  EXPECT_FALSE(parse("optimizer.lr", "log:4:64").whole);
}

TEST(Dimension, ValuesAndSharesAreInverse) {
  for (const char* text : {"log:1e-4:1", "uniform:-2:3", "uniform:0:10:whole", "a,b,c"}) {
    const Dimension d = parse("optimizer.x", text);
    for (double share : {0.05, 0.3, 0.5, 0.77}) {
      const std::string value = d.value(share);
      EXPECT_EQ(d.value(d.share(value)), value) << text;
    }
    EXPECT_EQ(parse("optimizer.x", d.str()), d) << text;
  }
}

TEST(Dimension, TheSameSeedDrawsTheSameWhateverElseIsVaried) {
  const Space one{parse("optimizer.lr", "log:1e-4:1")};
  const Space two{parse("model.name", "lenet5,convnet"), one[0]};
  for (uint64_t i = 0; i < 5; ++i)
    EXPECT_EQ(
        draw(one, Key(1).fold_in(i)).at("optimizer.lr"),
        draw(two, Key(1).fold_in(i)).at("optimizer.lr"));
  EXPECT_NE(draw(one, Key(1)), draw(one, Key(2)));
}

TEST(Dimension, MistakesSayWhatWasExpected) {
  const std::array<std::array<const char*, 3>, 12> cases{{
      {"optimizr.lr", "log:1e-4:1", "--vary: unknown key \"optimizr.lr\""},
      {"train.epoch", "uniform:1:5", "unknown key \"train.epoch\"; did you mean \"train.epochs\"?"},
      {"optimizer.lr",
       "log:1:1e-4",
       "--vary: optimizer.lr: expected LOW:HIGH, the ends are swapped"},
      {"optimizer.lr", "log:0:1", "expected ends above 0, nothing else has a logarithm"},
      {"optimizer.lr", "log:1:1", "both ends are the same"},
      {"optimizer.lr", "log:1", "expected log:LOW:HIGH, such as log:1e-5:1e-1, got \"log:1\""},
      {"optimizer.lr", "uniform:a:b", "expected uniform:LOW:HIGH"},
      {"optimizer.lr", "a,,b", "different values with commas between"},
      {"train.batch", "uniform:1.5:3", "expected whole numbers"},
      {"train.batch", "32,many", "expected a whole number for \"train.batch\""},
      {"train.epochs", "uniform:1:9", "train.epochs is what early stopping divides"},
      {"run.threads", "1,2", "of run. only run.seed does"},
  }};
  for (const auto& [key, text, message] : cases)
    EXPECT_HAS(message_of([&, k = key, t = text] { parse(k, t); }), message);
}

TEST(Space, ComesFromTheRecipeAndFromFlags) {
  train::Config recipe = train::recipe_config();
  recipe.read_toml_text(
      "[search]\noptimizer.lr = \"log:1e-4:1\"\nmodel.name = [\"lenet5\", \"convnet\"]\n",
      "r.toml");
  const std::string vary[] = {"optimizer.lr=log:1e-3:1e-1", "train.batch=16,32"};
  const Space space = read_space(recipe, vary);
  ASSERT_EQ(space.size(), 3u);
  EXPECT_EQ(space[0].choices, (std::vector<std::string>{"lenet5", "convnet"}));
  EXPECT_EQ(space[1].str(), "log:0.001:0.1");
  EXPECT_EQ(space[2].key, "train.batch");
  EXPECT_EQ(recipe.to_toml().find("[search"), std::string::npos);
  train::Config wrong = train::recipe_config();
  wrong.read_toml_text("[search]\n\noptimizer.lr = \"log:1:0\"\n", "r.toml");
  EXPECT_HAS(
      message_of([&] { read_space(wrong, {}); }), "r.toml:3: optimizer.lr: expected LOW:HIGH");
  const std::string bare[] = {"optimizer.lr"};
  EXPECT_HAS(message_of([&] { read_space(recipe, bare); }), "expected KEY=RANGE");
}

TEST(Space, EndsThatTheRecipeRefusesAreFoundBeforeAnyTraining) {
  const train::Config recipe = train::recipe_config();  // adamw
  EXPECT_HAS(
      message_of([&] { check_space(recipe, {parse("train.label_smoothing", "uniform:0:2")}); }),
      "train.label_smoothing = 2 cannot be tried");
  const Dimension momentum = parse("optimizer.momentum", "uniform:0:0.9");
  EXPECT_HAS(message_of([&] { check_space(recipe, {momentum}); }), "optimizer.momentum = 0 cannot");
  check_space(recipe, {parse("optimizer.name", "sgd,adamw"), momentum});  // fits one of them
}

TEST(Grid, HasAllCombinationsAndTheEnds) {
  const Space space{parse("optimizer.lr", "log:1e-4:1e-2"), parse("train.batch", "16,32")};
  const auto all = grid(space, 3);
  ASSERT_EQ(all.size(), 6u);
  EXPECT_EQ(all[0], (Values{{"optimizer.lr", "0.0001"}, {"train.batch", "16"}}));
  EXPECT_EQ(all[3], (Values{{"optimizer.lr", "0.001"}, {"train.batch", "32"}}));
  EXPECT_EQ(all[5].at("optimizer.lr"), "0.01");
  EXPECT_HAS(message_of([&] { grid(space, 1); }), "at least 2 points");
  EXPECT_HAS(message_of([&] { grid(Space(6, space[0]), 10); }), "at most 100000 combinations");
}

// Bergstra and Bengio 2012, figure 1: nine trials show nine values of a key at random, three on a
// grid.
TEST(Grid, ShowsFewerValuesOfEachKeyThanRandomTrials) {
  const Space space{parse("optimizer.a", "uniform:0:1"), parse("optimizer.b", "uniform:0:1")};
  std::set<std::string> on_grid, at_random;
  for (const Values& v : grid(space, 3)) on_grid.insert(v.at("optimizer.a"));
  for (uint64_t i = 0; i < 9; ++i)
    at_random.insert(draw(space, Key(1).fold_in(i)).at("optimizer.a"));
  EXPECT_EQ(on_grid.size(), 3u);
  EXPECT_EQ(at_random.size(), 9u);
}

// The course's example: 9.47e-4 lies at the upper edge of 1e-4 to 1e-3, so one looks higher.
TEST(Zoom, ABestValueAtAnEdgeExtendsTheRangeThatWay) {
  const Space space{parse("optimizer.lr", "log:1e-4:1e-3")};
  std::vector<std::string> notes;
  const Values best[] = {{{"optimizer.lr", "9.47e-4"}}};
  const Space next = zoom(space, best, {}, notes);
  EXPECT_GT(next[0].high, 2.5e-3);
  EXPECT_GT(next[0].low, 2.5e-4);
  EXPECT_NEAR(next[0].share("9.47e-4"), 0.5, 0.01);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_HAS(
      notes[0],
      "optimizer.lr: the best value, 9.47e-4, lies at the upper edge of 0.0001 to 0.001: the range "
      "is extended upwards, to ");
  EXPECT_HAS(edge_notes(space, best[0])[0], "search further up, such as --vary optimizer.lr=log:");

  const Values low[] = {{{"optimizer.lr", "1.1e-4"}}};
  notes.clear();
  EXPECT_LT(zoom(space, low, {}, notes)[0].low, 5e-5);
  EXPECT_HAS(notes.at(0), "lower edge");
  EXPECT_HAS(notes.at(0), "extended downwards");
}

TEST(Zoom, ShrinksAboutTheBestValueInside) {
  const Space space{parse("optimizer.lr", "log:1e-6:1"), parse("optimizer.x", "uniform:0:9")};
  std::vector<std::string> notes;
  const Values best[] = {{{"optimizer.lr", "1e-3"}, {"optimizer.x", "2"}}};
  const Space next = zoom(space, best, {.shrink = 1.0 / 3}, notes);
  EXPECT_NEAR(next[0].low, 1e-4, 2e-6);
  EXPECT_NEAR(next[0].high, 1e-2, 2e-4);
  EXPECT_NEAR(next[1].low, 0.5, 0.01);
  EXPECT_NEAR(next[1].high, 3.5, 0.01);
  EXPECT_TRUE(notes.empty());
  EXPECT_TRUE(edge_notes(space, best[0]).empty());
}

TEST(Zoom, StopsWhereTheRecipeTakesNoMore) {
  const train::Config recipe = train::recipe_config();
  const Space space{parse("train.label_smoothing", "uniform:0.5:1")};
  std::vector<std::string> notes;
  const Values best[] = {{{"train.label_smoothing", "0.99"}}};
  EXPECT_EQ(zoom(space, best, {.valid = takes(recipe)}, notes)[0].high, 1);
  EXPECT_HAS(notes.at(0), "and the recipe takes nothing beyond");
  EXPECT_TRUE(edge_notes(space, best[0], takes(recipe)).empty());
}

TEST(Zoom, KeepsTheChoicesOfTheBestThird) {
  const Space space{parse("model.name", "linear,lenet5,convnet")};
  std::vector<Values> ranked;
  for (const char* name : {"lenet5", "convnet", "linear", "linear", "lenet5", "linear"})
    ranked.push_back({{"model.name", name}});
  std::vector<std::string> notes;
  EXPECT_EQ(
      zoom(space, ranked, {}, notes)[0].choices, (std::vector<std::string>{"lenet5", "convnet"}));
}

}  // namespace
}  // namespace fovea::search
