#include "fovea/search/zoom.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "fovea/train/recipe.h"
#include "tests/support/expect.h"

namespace fovea::search {
namespace {

Dimension parse(const std::string& key, const std::string& text) {
  return parse_dimension(train::recipe_config(), key, text, "--vary");
}

Valid takes(const train::Config& recipe) {
  return [recipe](const Values& v) { return refusal(recipe, v).empty(); };
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
  EXPECT_HAS(edge_notes(space, best)[0], "search further up, such as --vary optimizer.lr=log:");

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
  EXPECT_TRUE(edge_notes(space, best).empty());
}

TEST(Zoom, StopsWhereTheRecipeTakesNoMore) {
  const train::Config recipe = train::recipe_config();
  const Space space{parse("train.label_smoothing", "uniform:0.5:1")};
  std::vector<std::string> notes;
  const Values best[] = {{{"train.label_smoothing", "0.99"}}};
  EXPECT_EQ(zoom(space, best, {.valid = takes(recipe)}, notes)[0].high, 1);
  EXPECT_HAS(notes.at(0), "and the recipe takes nothing beyond");
  EXPECT_TRUE(edge_notes(space, best, takes(recipe)).empty());
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

// Twelve trials at random, whose loss falls with one key and does not know of the other.
struct Drawn {
  Space space{parse("optimizer.a", "uniform:0:1"), parse("optimizer.b", "uniform:10:20")};
  std::vector<Values> ranked;

  explicit Drawn(uint64_t seed) {
    for (uint64_t i = 0; i < 12; ++i) ranked.push_back(draw(space, Key(seed).fold_in(i)));
    std::ranges::sort(
        ranked, std::greater<>{}, [](const Values& v) { return std::stod(v.at("optimizer.a")); });
  }
};

TEST(Zoom, AKeyWithoutEffectIsHardlyEverExtended) {
  int at_edge = 0, extended = 0, effective_at_edge = 0, effective_extended = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const Drawn drawn(seed);
    std::vector<std::string> notes;
    const Space next = zoom(drawn.space, drawn.ranked, {}, notes);
    const Values& best = drawn.ranked.front();
    auto moved = [&](size_t i) {
      return next[i].low < drawn.space[i].low || next[i].high > drawn.space[i].high;
    };
    effective_at_edge += edge_of(drawn.space[0], best.at("optimizer.a")) == Edge::high;
    effective_extended += moved(0);
    if (edge_of(drawn.space[1], best.at("optimizer.b")) == Edge::none) continue;
    ++at_edge;
    extended += moved(1);
    EXPECT_TRUE(moved(1) || next[1] == drawn.space[1]);
  }
  EXPECT_EQ(effective_extended, effective_at_edge);
  EXPECT_GT(effective_at_edge, 300);
  EXPECT_GT(at_edge, 60);  // a fifth of all, by chance
  EXPECT_LT(extended, at_edge / 4);
}

TEST(Zoom, SaysWhyARangeStays) {
  const Space space{parse("optimizer.x", "uniform:0:1")};
  std::vector<Values> ranked;
  for (const char* x : {"0.97", "0.1", "0.6", "0.3", "0.8", "0.5"})
    ranked.push_back({{"optimizer.x", x}});
  std::vector<std::string> notes;
  EXPECT_EQ(zoom(space, ranked, {}, notes), space);
  EXPECT_EQ(
      notes.at(0),
      "optimizer.x: the best value, 0.97, lies at the upper edge of 0 to 1, but the other trials "
      "are no better towards it: the range stays");
  EXPECT_TRUE(edge_notes(space, ranked).empty());
  EXPECT_FALSE(better_towards(space[0], Edge::low, std::vector<Values>(6, ranked[0])));
  std::ranges::sort(ranked, std::greater<>{}, [](const Values& v) { return v.at("optimizer.x"); });
  EXPECT_GT(zoom(space, ranked, {}, notes)[0].high, 1.4);
  EXPECT_TRUE(better_towards(space[0], Edge::high, ranked));
  EXPECT_FALSE(better_towards(space[0], Edge::low, ranked));
  EXPECT_EQ(edge_notes(space, ranked).size(), 1u);
}

}  // namespace
}  // namespace fovea::search
