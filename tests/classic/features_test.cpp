#include "fovea/classic/features.h"

#include <gtest/gtest.h>

#include "fovea/models/frozen.h"
#include "fovea/models/layers.h"
#include "fovea/ops/join.h"
#include "fovea/ops/shape.h"
#include "fovea/train/trainer.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::classic {
namespace {

using test::message_of;

TEST(Features, StandSideBySide) {
  auto net = models::build_layers({{"features", {{"cell", "4"}, {"hues", "6"}}}}, {16, 16, 3});
  const Tensor x = test::random_input({3, 16, 16, 3}, 2, 0, 1);
  nn::Ctx ctx;
  const Tensor both = concat({flatten(hog(x, {.cell = 4})), hue_histogram(x, {.bins = 6})}, 1);
  EXPECT_EQ(both.shape().str(), "(3, 330)");
  EXPECT_EQ(nn::forward(*net, x, ctx).to_vector(), both.to_vector());
}

TEST(Features, OptionsOfTheListReachTheOp) {
  auto net = models::build_layers(
      {{"hog",
        {{"cell", "4"},
         {"orientations", "5"},
         {"signed", "true"},
         {"block", "3"},
         {"soft", "false"},
         {"window", "3"},
         {"block_norm", "l2"},
         {"clip", "0.1"}}}},
      {16, 20, 1});
  const Tensor x = test::random_input({2, 16, 20, 1}, 3, 0, 1);
  nn::Ctx ctx;
  const HogOptions o{
      .cell = 4,
      .orientations = 5,
      .is_signed = true,
      .block = 3,
      .soft = false,
      .window = 3,
      .norm = BlockNorm::l2,
      .clip = 0.1};
  EXPECT_EQ(nn::forward(*net, x, ctx).to_vector(), hog(x, o).to_vector());
  EXPECT_HAS(
      message_of([] {
        models::build_layers({{"hog", {{"block_norm", "l1"}}}}, {16, 16, 3});
      }),
      "layer 0 (hog), whose input is (1, 16, 16, 3): expected block_norm = none, l2 or l2_hys");
}

class FeaturesRun : public test::FolderTest {
 protected:
  train::Config recipe(const std::string& features, const std::string& normalize) const {
    train::Config c = train::recipe_config();
    c.read_toml_text(
        "[data]\nlimit = 400\nnormalize = \"" + normalize +
            "\"\n[train]\nepochs = 5\nbatch = 40\n[optimizer]\nlr = 0.01\n"
            "[[model.layers]]\ntype = \"" +
            features + "\"\n" + (features == "hog" ? "cell = 7\n" : "") +
            "[[model.layers]]\ntype = \"flatten\"\n[[model.layers]]\ntype = \"norm\"\n"
            "[[model.layers]]\ntype = \"linear\"\nout = 10\n",
        "recipe.toml");
    c.set("run.folder", path(), "test");
    c.set("run.name", "run", "test");
    return c;
  }
};

// Four hundred digits are enough for a linear classifier on gradients.
TEST_F(FeaturesRun, TrainAndCanBeUsedAsAnyModel) {
  const train::TrainResult r = train::train(recipe("hog", "auto"));
  ASSERT_TRUE(r.test);
  EXPECT_GT(r.test->top1, 0.85);
  const models::Model model = models::load_model(r.folder + "/model.safetensors");
  const Tensor x = test::random_input({5, 28, 28, 1}, 4);
  EXPECT_LT(test::relative_error(models::FrozenModel(model).scores(x), model.scores(x)), 1e-5);
}

// Methods by their names, on four hundred digits.
TEST_F(FeaturesRun, RbfNetworksAndTreesAreTrainedByName) {
  const std::map<std::string, std::pair<std::string, std::string>> size_of{
      {"rbf", {"rbf.units", "150"}}, {"tree", {"tree.depth", "6"}}};
  for (const auto& [name, size] : size_of) {
    train::Config c = train::recipe_config();
    c.set("model.name", name, "test");
    c.set(size.first, size.second, "test");
    c.set("data.limit", "400", "test");
    c.set("train.epochs", "6", "test");
    c.set("train.batch", "20", "test");
    c.set("optimizer.lr", "0.01", "test");
    c.set("run.folder", path(), "test");
    const train::TrainResult r = train::train(c);
    ASSERT_TRUE(r.test);
    EXPECT_GT(r.test->top1, name == "rbf" ? 0.7 : 0.45) << name;
    EXPECT_EQ(r.steps, name == "rbf" ? 6 * 18 : 0);
    const models::Model model = models::load_model(r.folder + "/model.safetensors");
    const Tensor x = test::random_input({5, 28, 28, 1}, 4);
    EXPECT_LT(test::relative_error(models::FrozenModel(model).scores(x), model.scores(x)), 1e-5);
    c.set("model.name", "knn", "test");
    EXPECT_HAS(message_of([&] { train::Recipe recipe(c); }), size.first + " belongs to model.name");
  }
}

TEST_F(FeaturesRun, HuesNeedColoursAsTheyAre) {
  EXPECT_HAS(
      message_of([&] { train::Recipe r(recipe("hue_histogram", "auto")); }),
      "the layer hue_histogram reads colours as they are: set data.normalize = \"none\"");
  EXPECT_NO_THROW(train::Recipe r(recipe("hue_histogram", "none")));
}

}  // namespace
}  // namespace fovea::classic
