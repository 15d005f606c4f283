#include "fovea/train/toy.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/train/recipe.h"
#include "tests/report/check_markup.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::train {
namespace {

using test::message_of;

// Scores of the class of the nearest point: a classifier that is no network.
Scorer nearest_neighbour(const data::Points& p) {
  return [&p](const Tensor& places) {
    const auto at = places.data<float>();
    const size_t classes = p.classes.size();
    std::vector<float> scores(size_t(places.dim(0)) * classes, 0.f);
    for (size_t i = 0; i < size_t(places.dim(0)); ++i) {
      double least = INFINITY;
      size_t nearest = 0;
      for (size_t k = 0; k < p.at.size(); ++k)
        if (const double d = std::hypot(at[2 * i] - p.at[k][0], at[2 * i + 1] - p.at[k][1]);
            d < least)
          least = d, nearest = k;
      scores[i * classes + size_t(p.labels[nearest])] = 5;
    }
    return Tensor::from<float>(scores, {places.dim(0), int64_t(classes)});
  };
}

TEST(Regions, AnyFunctionOfPointsCanBeDrawn) {
  const data::Points p = data::toy_points("moons", {.count = 40});
  EXPECT_EQ(accuracy_on(p, nearest_neighbour(p)), 1);
  const report::FieldChart chart = region_chart(p, nearest_neighbour(p), {.side = 30});
  EXPECT_EQ(chart.picture.width, 30);
  EXPECT_EQ(chart.marks.size(), 40u);
  // At each point the picture has the colour of its class.
  for (size_t i = 0; i < p.at.size(); ++i) {
    const int x = int((p.at[i][0] - chart.x_low) / (chart.x_high - chart.x_low) * 30);
    const int y = 29 - int((p.at[i][1] - chart.y_low) / (chart.y_high - chart.y_low) * 30);
    const image::Color c = report::series_colour(p.labels[i]);
    EXPECT_EQ(chart.picture.at(y, x, 0), c.r);
  }
  EXPECT_TRUE(report::is_well_formed(report::field_chart(chart).markup));
  EXPECT_EQ(region_thumbnail(p, nearest_neighbour(p), 20).height, 20);
  EXPECT_HAS(message_of([] { region_chart({}, {}); }), "expected points");
}

// A linear classifier's boundary is where its scores are equal.
TEST(Regions, StrengthFollowsTheSoftmax) {
  const data::Points p{.at = {{-1, 0}, {1, 0}}, .labels = {0, 1}, .classes = {"a", "b"}};
  const Scorer linear = [](const Tensor& places) {
    const auto at = places.data<float>();
    std::vector<float> scores;
    for (size_t i = 0; i < size_t(places.dim(0)); ++i)
      scores.insert(scores.end(), {-3 * at[2 * i], 3 * at[2 * i]});
    return Tensor::from<float>(scores, {places.dim(0), 2});
  };
  const image::Image picture = region_chart(p, linear, {.side = 20}).picture;
  EXPECT_EQ(picture.at(3, 9, 0), report::series_colour(0).r);
  EXPECT_EQ(picture.at(3, 10, 0), report::series_colour(1).r);
  EXPECT_LT(picture.at(3, 9, 3), picture.at(3, 0, 3));  // surer away from the boundary
}

class ToyTest : public test::FolderTest {};

ToyRun trained(const data::Points& p, const std::map<std::string, std::string>& changes) {
  Config c = recipe_config();
  for (const auto& [key, value] : changes) c.set(key, value, "test");
  set_toy_defaults(c);
  return train_toy(c, p, {.frames = 3, .side = 20, .surface = 5});
}

TEST_F(ToyTest, ANetLearnsASpiralThatALinearModelCannot) {
  const data::Points p = data::toy_points("spiral", {.count = 150, .noise = 0.1});
  const ToyRun net = trained(p, {{"train.epochs", "60"}});
  EXPECT_GT(net.accuracy, 0.9);
  EXPECT_EQ(net.parameters, 3 * 100 + 101 * 3);
  const ToyRun linear = trained(p, {{"train.epochs", "60"}, {"model.name", "linear"}});
  EXPECT_LT(linear.accuracy, 0.75);
  ASSERT_EQ(net.frames.size(), 3u);
  EXPECT_EQ(net.frames[0].moment, 0);
  EXPECT_EQ(net.frames[2].moment, net.steps);
  EXPECT_EQ(net.frames[2].accuracy, net.accuracy);
  EXPECT_NE(net.frames[0].picture, net.frames[2].picture);
  EXPECT_LT(net.losses.y.back(), 0.5 * net.losses.y.front());
  // The path ends where the training did.
  ASSERT_TRUE(net.path);
  EXPECT_EQ(net.path->path.x.back(), 0);
  EXPECT_GT(net.path->path.explained, 0.5);
  EXPECT_EQ(trained(p, {{"train.epochs", "60"}}).losses.y, net.losses.y);

  write_toy(net, path("t.html"));
  const std::string page = read("t.html");
  EXPECT_EQ(report::count(page, "<svg"), 4);
  EXPECT_EQ(report::count(page, "<img"), 3);
  EXPECT_TRUE(report::stands_alone(page));
}

// The loss falls from epoch to epoch, so that there is no plateau to cut the rate at.
TEST_F(ToyTest, APlateauIsOneOfTheEpochs) {
  const data::Points p = data::toy_points("spiral", {.count = 30, .noise = 0.1});
  std::map<std::string, std::string> changes{
      {"train.epochs", "300"},
      {"train.batch", "30"},
      {"optimizer.name", "sgd"},
      {"optimizer.momentum", "0"},
      {"optimizer.lr", "0.1"},
      {"schedule.name", "constant"}};
  const ToyRun constant = trained(p, changes);
  changes["schedule.name"] = "plateau";
  changes["schedule.patience"] = "5";
  changes["schedule.threshold"] = "0";
  EXPECT_EQ(trained(p, changes).loss, constant.loss);
}

TEST_F(ToyTest, DrawsClassicalMethods) {
  const data::Points p = data::toy_points("circles", {.count = 60});
  // One nearest neighbour knows all points and has nothing to train.
  const ToyRun knn = trained(p, {{"model.name", "knn"}, {"knn.k", "1"}});
  EXPECT_EQ(knn.accuracy, 1);
  EXPECT_EQ(knn.steps, 0);
  ASSERT_EQ(knn.frames.size(), 1u);
  write_toy(knn, path("k.html"));
  EXPECT_TRUE(report::stands_alone(read("k.html")));
  EXPECT_GT(trained(p, {{"model.name", "tree"}, {"tree.depth", "6"}}).accuracy, 0.9);
  // The hinge loss of a linear machine, which no line tells apart: at most a little under 1 a
  // point.
  const std::map<std::string, std::string> svm{{"model.name", "svm"}, {"train.epochs", "20"}};
  const ToyRun machine = trained(p, svm);
  EXPECT_LT(machine.accuracy, 0.8);
  EXPECT_NEAR(machine.loss, 1, 0.1);
}

TEST_F(ToyTest, TakesLayersAndTellsWhatDoesNotFit) {
  const data::Points p = data::toy_points("circles", {.count = 60});
  Config c = recipe_config();
  c.read_toml_text(
      "[train]\nepochs = 2\n[[model.layers]]\ntype = \"flatten\"\n[[model.layers]]\ntype = "
      "\"linear\"\nout = 4\nact = \"tanh\"\n[[model.layers]]\ntype = \"linear\"\nout = 2\n",
      "net.toml");
  set_toy_defaults(c);
  EXPECT_EQ(c.integer("train.epochs"), 2);
  EXPECT_EQ(train_toy(c, p, {.frames = 1, .side = 4, .surface = 0}).parameters, 12 + 10);
  EXPECT_HAS(
      message_of([&] {
        trained(p, {{"model.name", "lenet5"}});
      }),
      "expected the model linear, two_layer, knn, svm, l2svm, softmax, rbf, tree or layers, got "
      "lenet5");
  EXPECT_HAS(
      message_of([&] {
        trained({.at = {{0, 0}}, .labels = {0}, .classes = {"a", "b"}}, {});
      }),
      "two points or more");
}

}  // namespace
}  // namespace fovea::train
