// Sections of a run's report: regions of the plane, loss surfaces, and the way of the training.
#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fovea/data/point_dataset.h"
#include "fovea/train/evaluate.h"
#include "fovea/train/loss_surface.h"
#include "fovea/train/regions.h"
#include "fovea/train/run_report.h"
#include "tests/report/check_markup.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

using test::message_of;

class RunPagesTest : public test::FolderTest {
 protected:
  Config points(const std::map<std::string, std::string>& changes) const {
    Config c = recipe_config();
    const std::map<std::string, std::string> base{
        {"run.folder", path()},
        {"run.name", "r"},
        {"data.source", "moons"},
        {"data.limit", "200"},
        {"model.name", "two_layer"},
        {"train.epochs", "4"},
        {"train.batch", "20"},
        {"train.looks", "0"},
        {"optimizer.lr", "0.02"}};
    for (const auto* changed : {&base, &changes})
      for (const auto& [key, value] : *changed) c.set(key, value, "test");
    return c;
  }
  std::string report() const { return read("r/report.html"); }
};

TEST_F(RunPagesTest, ARunOnPointsShowsItsRegions) {
  const TrainResult r = train(points({{"train.epochs", "12"}, {"train.snapshots", "3"}}));
  EXPECT_GT(r.test->top1, 0.9);
  const std::string page = report();
  EXPECT_TRUE(report::stands_alone(page));
  for (const char* text :
       {"Where each class is", "How the regions formed", ">epoch 4<", ">epoch 8<", ">epoch 12<"})
    EXPECT_HAS(page, text);
  EXPECT_EQ(report::count(page, "<img"), 3);  // no filters, no mistakes, no samples as pictures
  // The regions are those of the model that the run keeps, with the points it was not shown.
  const models::Model best = models::load_model(r.folder + "/model.safetensors");
  const data::Points test = data::points_of(*data::open("moons").test);
  EXPECT_DOUBLE_EQ(accuracy_on(test, scorer_of(best)), r.test->top1);
  EXPECT_HAS(page, fmt::format("{:.2f} % of the points kept back", 100 * r.test->top1));
  EXPECT_HAS(
      page,
      region_figure(
          region_chart(test, scorer_of(best), {.title = "The same with points kept back"}))
          .chart.markup);
}

TEST_F(RunPagesTest, EveryClassifierTakesPoints) {
  for (const char* model : {"knn", "svm", "softmax", "rbf", "tree", "linear"}) {
    std::map<std::string, std::string> changes{{"model.name", model}, {"run.name", model}};
    const bool by_steps = std::string(model) != "knn" && std::string(model) != "tree";
    if (!by_steps) changes["report.loss_surface"] = "true";
    if (std::string(model) == "rbf") changes["rbf.units"] = "20";
    Watch watch;
    const TrainResult r = train(points(changes), {.observer = &watch});
    EXPECT_GT(r.test->top1, 0.75) << model;
    const std::string page = read(std::string(model) + "/report.html");
    EXPECT_HAS(page, "Where each class is");
    if (by_steps) continue;
    EXPECT_TRUE(kept_surfaces(RunFolder::open(r.folder)).empty());
    EXPECT_HAS(watch.notes.back(), "nothing of this model is trained by steps");
  }
}

TEST_F(RunPagesTest, TheLossIsMappedAroundTheModelAndAlongItsWay) {
  const TrainResult r = train(points({{"report.loss_surface", "true"}}));
  const RunFolder run = RunFolder::open(r.folder);
  const std::vector<LossSurface> kept = kept_surfaces(run);
  ASSERT_EQ(kept.size(), 2u);
  // All 180 samples of the split are looked at, so the middle is the loss that eval finds.
  Config c = recipe_config();
  c.read_toml(run.file("recipe.toml"));
  const data::DatasetPtr train_split = set_up(Recipe(c)).source.train;
  const models::Model best = models::load_model(run.file("model.safetensors"));
  EXPECT_EQ(kept[0].pictures, 180);
  const int middle = kept[0].range.side / 2;
  EXPECT_EQ(kept[0].range.side % 2, 1);
  EXPECT_NEAR(kept[0].losses.at(middle, middle), evaluate(best, train_split).loss, 1e-6);
  // The way has a snapshot of each epoch and ends at the origin, with the loss of the last.
  const std::vector<std::string> files = snapshot_files(run.path());
  ASSERT_EQ(files.size(), 4u);
  ASSERT_EQ(kept[1].path.x.size(), 4u);
  EXPECT_EQ(kept[1].path.x.back(), 0);
  EXPECT_EQ(kept[1].path.y.back(), 0);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(
        kept[1].path_losses[i], evaluate(models::load_model(files[i]), train_split).loss, 1e-6);
  EXPECT_LT(kept[1].path_losses.back(), kept[1].path_losses.front());

  const std::string page = report();
  EXPECT_TRUE(report::stands_alone(page));
  for (const LossSurface& s : kept) EXPECT_HAS(page, surface_figure(s).chart.markup);
  EXPECT_HAS(page, "Over 180 samples of the training split");
  EXPECT_HAS(page, fmt::format(">{:.3g}<", kept[1].path_losses.back()));
  // A run in its place without the setting has neither.
  train(points({}), {.overwrite = true});
  EXPECT_TRUE(kept_surfaces(run).empty());
  EXPECT_EQ(report().find("The way of the training"), std::string::npos);
}

TEST_F(RunPagesTest, AReportIsWrittenAnewAsItWas) {
  const std::string folder = train(points({})).folder;
  const std::string before = report();
  rewrite_run_report(folder, {});
  EXPECT_EQ(report(), before);
  const RunFolder run = RunFolder::open(folder);
  keep_surface(run, loss_surface(folder, {.side = 3, .pictures = 20}));
  rewrite_run_report(folder, {});
  EXPECT_HAS(report(), "The loss around the model");
  EXPECT_EQ(before.find("The loss around the model"), std::string::npos);

  write("r/surface.json", "{\"side\": 3, \"losses\": [1, 2]}");
  EXPECT_HAS(message_of([&] { kept_surfaces(run); }), "no loss surface");
  const std::string part = train(points({{"run.name", "part"}}), {.until_epoch = 1}).folder;
  EXPECT_HAS(message_of([&] { rewrite_run_report(part, {}); }), "has not come to its end");
}

TEST_F(RunPagesTest, PointsTakeNoSettingsOfPictures) {
  for (const char* key : {"data.height", "data.channels"})
    EXPECT_HAS(message_of([&] { train(points({{key, "3"}})); }), "are for pictures");
  EXPECT_HAS(message_of([&] { train(points({{"data.resize", "stretch"}})); }), "are for pictures");
}

}  // namespace
}  // namespace fovea::train
