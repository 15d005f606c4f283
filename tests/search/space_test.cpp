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

const char* const list_recipe =
    "[[model.layers]]\ntype = \"conv\"\nout = 4\n[[model.layers]]\ntype = \"dropout\"\n"
    "[[model.layers]]\ntype = \"conv\"\nout = 8\n[[augment]]\ntype = \"random_crop\"\n";

// Whatever an option was called, it has one key, so that nothing is varied twice.
TEST(Space, OptionsOfLayersAndAugmentationHaveTheKeyOfTheirPlace) {
  train::Config recipe = train::recipe_config();
  recipe.read_toml_text(
      std::string("[search]\nmodel.layers.dropout.rate = \"uniform:0:0.9\"\n") + list_recipe,
      "r.toml");
  const std::string vary[] = {
      "model.layers.1.rate=uniform:0.1:0.5",
      "model.layers.0.out=log:4:64",
      "augment.random_crop.padding=uniform:0:8"};
  const Space space = read_space(recipe, vary);
  ASSERT_EQ(space.size(), 3u);
  EXPECT_EQ(space[0].key, "augment.0.padding");
  EXPECT_TRUE(space[0].whole);
  EXPECT_EQ(space[1].key, "model.layers.0.out");
  EXPECT_EQ(space[1].str(), "log:4:64:whole");
  EXPECT_EQ(space[2].key, "model.layers.1.rate");
  EXPECT_EQ(space[2].str(), "uniform:0.1:0.5");
  for (const Dimension& d : space)  // as a search that goes on reads them, without any recipe
    EXPECT_EQ(dimension_of(d.key, d.str(), "search.sqlite"), d);

  const train::Config tried = with_values(recipe, draw(space, Key(1)));
  EXPECT_NE(tried.list("model.layers"), recipe.list("model.layers"));
  const std::pair<const char*, const char*> mistakes[] = {
      {"model.layers.3.out=4,8",
       "--vary: \"model.layers.3.out\": expected a place from 0 to 2 (0 conv, 1 dropout, 2 conv), "
       "got 3"},
      {"model.layers.conv.out=4,8", "conv stands there more than once, give its place"},
      {"model.layers.1.rat=0.1,0.2", "unknown option \"rat\" of dropout, which takes rate, "},
  };
  for (const auto& [words, message] : mistakes) {
    const std::string wrong[] = {words};
    EXPECT_HAS(message_of([&] { read_space(recipe, wrong); }), message);
  }
}

// A layer's own checks need the input that a first trial has found.
TEST(Space, LayersAreLookedAtWhereTheirInputIsKnown) {
  train::Config recipe = train::recipe_config();
  recipe.read_toml_text(list_recipe, "r.toml");
  const Values values{{"model.layers.1.rate", "1.2"}};
  const Shape input{8, 8, 3};
  EXPECT_EQ(refusal(recipe, values), "");
  EXPECT_HAS(refusal(recipe, values, &input), "layer 1 (dropout)");
  EXPECT_EQ(refusal(recipe, {{"model.layers.1.rate", "0.2"}}, &input), "");
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

}  // namespace
}  // namespace fovea::search
