#include "fovea/train/init_table.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/models/architecture.h"
#include "fovea/ops/elementwise.h"
#include "tests/report/check_markup.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

using test::message_of;

constexpr int layers = 10, units = 500;

// CS231n's experiment: ten layers of 500 units on normal inputs, here 200 of them.
class TenLayers : public testing::Test {
 protected:
  static InitColumn begun(const std::string& act, const std::string& rule) {
    std::vector<models::LayerSpec> list{{"flatten", {}}};
    for (int i = 0; i < layers; ++i)
      list.push_back({"linear", {{"out", std::to_string(units)}, {"act", act}}});
    list.push_back({"linear", {{"out", "10"}}});
    auto net =
        models::build({.name = "layers", .input = {1, 1, units}, .classes = 10, .layers = list});
    const data::Batch batch{
        .images = nn::make(nn::normal(1), {200, 1, 1, units}, Key(2)),
        .labels = Tensor::from<int32_t>(std::vector<int32_t>(200, 3), {200})};
    InitColumn c = init_column(*net, batch, rule, Key(3));
    EXPECT_EQ(c.layers.size(), size_t(layers + 1));
    return c;
  }
};

TEST(InitColumn, GivesTheWeightsBackWhereTheBatchDoesNotFit) {
  auto net = models::build(
      {.name = "layers",
       .input = {1, 1, 4},
       .classes = 2,
       .layers = {{"flatten", {}}, {"linear", {{"out", "2"}}}}});
  nn::initialize(*net, Key(1));
  const std::string before = fingerprint(nn::parameters(*net));
  const data::Batch batch{
      .images = test::random_input({3, 1, 1, 5}, 1),
      .labels = Tensor::from<int32_t>({0, 1, 0}, {3})};
  EXPECT_THROW(init_column(*net, batch, "unit_normal", Key(3)), std::invalid_argument);
  EXPECT_EQ(fingerprint(nn::parameters(*net)), before);
}

// INI-02: each layer has .2236 times the deviation of the one before, 0.01 sqrt(500).
TEST_F(TenLayers, SmallNumbersDieAwayInTanh) {
  const InitColumn c = begun("tanh", "small_normal");
  EXPECT_NEAR(c.layers[0].std, 0.2131, 0.006);
  EXPECT_NEAR(c.layers[1].std, 0.0476, 0.002);
  EXPECT_NEAR(c.layers[4].std, 0.00053, 0.00003);
  EXPECT_LT(c.layers[9].std, 1e-6);
  EXPECT_EQ(c.verdict, "dies away");
  // And so do the gradients on their way back.
  EXPECT_NEAR(c.layers[3].gradient_std / c.layers[8].gradient_std, std::pow(0.2236, 5), 1e-4);
}

// INI-03: nearly all are at an end, and the gradient is 0 there.
TEST_F(TenLayers, LargeNumbersSaturateTanh) {
  const InitColumn c = begun("tanh", "unit_normal");
  for (size_t i = 0; i < layers; ++i) {
    EXPECT_NEAR(c.layers[i].std, 0.9815, 0.004) << i;
    EXPECT_GT(c.layers[i].saturated, 0.85) << i;
  }
  EXPECT_EQ(c.verdict, "saturates");
}

// INI-04
TEST_F(TenLayers, XavierKeepsTanhAlive) {
  const InitColumn c = begun("tanh", "xavier_normal");
  const double expected[] = {.628, .486, .409, .358, .322, .295, .273, .256, .241, .229};
  for (size_t i = 0; i < layers; ++i)
    EXPECT_NEAR(c.layers[i].std, expected[i], 0.03 * expected[i]) << i;
  EXPECT_EQ(c.verdict, "holds");
}

// INI-05: the deviation halves every two layers.
TEST_F(TenLayers, XavierHalvesReLUs) {
  const InitColumn c = begun("relu", "xavier_normal");
  EXPECT_NEAR(c.layers[0].mean, 0.399, 0.012);
  EXPECT_NEAR(c.layers[0].std, 0.582, 0.02);
  for (size_t i = 0; i + 2 < layers; ++i)
    EXPECT_NEAR(c.layers[i + 2].std / c.layers[i].std, 0.5, 0.08) << i;
  EXPECT_EQ(c.verdict, "dies away");
}

// INI-06
TEST_F(TenLayers, HeKeepsReLUsAlive) {
  const InitColumn c = begun("relu", "he_normal");
  for (size_t i = 0; i < layers; ++i) {
    EXPECT_GT(c.layers[i].std, 0.65) << i;
    EXPECT_LT(c.layers[i].std, 0.95) << i;
    EXPECT_NEAR(c.layers[i].zero, 0.5, 0.05);
  }
  EXPECT_EQ(c.verdict, "holds");
}

class InitTableTest : public test::FolderTest {};

TEST_F(InitTableTest, ComparesARecipesNetworkAndWritesIt) {
  InitTable t =
      init_table(small_recipe(path()), {.rules = {"recipe", "unit_normal"}, .pictures = 20});
  t.title = "a <b>";
  ASSERT_EQ(t.columns.size(), 2u);
  EXPECT_EQ(t.pictures, 20);
  ASSERT_EQ(t.columns[0].layers.size(), 2u);
  EXPECT_EQ(t.columns[0].layers[0].op, "relu");
  EXPECT_GT(t.columns[1].loss, t.columns[0].loss);
  EXPECT_TRUE(std::filesystem::is_empty(path()));
  EXPECT_HAS(init_table_text(t), "unit_normal");
  for (const char* file : {"t.html", "t.csv"}) write_init_table(t, path(file));
  const std::string page = read("t.html");
  EXPECT_HAS(page, "a &lt;b&gt;");
  EXPECT_EQ(report::count(page, "<svg"), 4);
  EXPECT_TRUE(report::stands_alone(page));
  EXPECT_HAS(read("t.csv"), "recipe,0.bn,relu,");
  EXPECT_HAS(message_of([&] { write_init_table(t, path("t.png")); }), ".html or .csv");
  EXPECT_HAS(
      message_of([&] { init_table(small_recipe(path()), {.rules = {"kaiming"}}); }),
      "unknown initialiser \"kaiming\"");
}

TEST(InitColumn, PutsTheWeightsBackAndNamesWhatOverflows) {
  auto net = models::build({.name = "two_layer", .input = {2, 2, 1}, .classes = 3, .layers = {}});
  nn::initialize(*net, Key(1));
  const std::string before = fingerprint(nn::parameters(*net));
  data::Batch batch{
      .images = test::random_input({4, 2, 2, 1}, 1),
      .labels = Tensor::from<int32_t>({0, 1, 2, 0}, {4})};
  init_column(*net, batch, "he_normal", Key(1));
  EXPECT_EQ(fingerprint(nn::parameters(*net)), before);
  batch.images = (batch.images * 1e38 * 10).eval();
  EXPECT_EQ(init_column(*net, batch, "unit_normal", Key(1)).verdict, "overflows");
}

}  // namespace
}  // namespace fovea::train
