#include "fovea/train/lr_range.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/optim/sgd.h"
#include "fovea/train/setup.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

using test::message_of;

// Plain gradient descent on curvature / 2 x^2, which diverges above 2 / curvature; each batch adds
// noise to what it reports.
LrRange quadratic(double curvature, const LrRangeOptions& o = {}, double noise = 0) {
  Rng rng(Key(5));
  double x = 1;
  return lr_range_test(
      [&](double lr) {
        const double loss = 0.5 * curvature * x * x + noise * rng.normal();
        x -= lr * curvature * x;
        return loss;
      },
      o);
}

TEST(LrRange, SuggestsWhatIsStableOnAQuadratic) {
  for (double curvature : {0.5, 3.0, 40.0, 1e4}) {
    const LrRange r = quadratic(curvature);
    const double limit = 2 / curvature;
    ASSERT_TRUE(r.suggestion) << curvature;
    EXPECT_LT(*r.suggestion, limit) << curvature;
    EXPECT_GT(*r.suggestion, 1e-3 * limit) << curvature;
    EXPECT_LE(r.from, *r.suggestion);
    EXPECT_GE(r.to, *r.suggestion);
    EXPECT_EQ(r.sure, Sureness::good);
  }
}

TEST(LrRange, NoiseLowersTheSurenessButNotTheSense) {
  double worst = 0;
  for (double noise : {0.03, 0.1}) {
    const LrRange r = quadratic(2, {}, noise);
    ASSERT_TRUE(r.suggestion);
    EXPECT_LT(*r.suggestion, 1);
    EXPECT_GT(*r.suggestion, 1e-3);
    EXPECT_NEAR(r.scatter, noise, 0.5 * noise);
    EXPECT_GT(r.scatter, worst);
    worst = r.scatter;
  }
  const LrRange lost = quadratic(2, {}, 2);
  EXPECT_FALSE(lost.suggestion && lost.sure == Sureness::good);
}

TEST(LrRange, EndsWhereTheLossDiverges) {
  const LrRange r = lr_range_test([](double lr) { return lr < 1e-3 ? 1 : 1 + lr * 1e5; });
  EXPECT_TRUE(r.diverged);
  EXPECT_LT(r.points.size(), 100u);
  EXPECT_GT(r.points.back().average, 4);
  EXPECT_LE(r.points[r.points.size() - 2].average, 4);
  EXPECT_NEAR(r.points[0].lr, 1e-7, 1e-15);
  EXPECT_NEAR(r.points[1].lr / r.points[0].lr, std::pow(1e8, 1.0 / 99), 1e-9);
  EXPECT_DOUBLE_EQ(r.points[0].average, r.points[0].loss);  // no bias to 0
}

TEST(LrRange, SaysWhichWayToExtendTheRange) {
  auto note = [](const LrRange& r) { return r.notes.empty() ? "" : r.notes[0]; };
  // The rate of a quadratic of curvature 1 lies near 0.2.
  LrRange r = quadratic(1, {.min_lr = 1e-7, .max_lr = 1e-4});
  EXPECT_FALSE(r.suggestion);
  EXPECT_HAS(note(r), "neither falls nor diverges: extend the range upwards (max_lr above 0.0001)");
  r = quadratic(1, {.min_lr = 1e-5, .max_lr = 0.05});
  EXPECT_HAS(note(r), "still falls at the largest rate: extend the range upwards");
  EXPECT_EQ(r.sure, Sureness::poor);
  r = quadratic(1, {.min_lr = 0.1, .max_lr = 10});
  EXPECT_HAS(note(r), "from the smallest rate on: extend the range downwards (min_lr below 0.1)");
  EXPECT_EQ(r.sure, Sureness::poor);
  r = quadratic(1, {.min_lr = 2.1, .max_lr = 10});
  EXPECT_FALSE(r.suggestion);
  EXPECT_HAS(note(r), "extend the range downwards (min_lr below 2.1)");
  r = quadratic(1, {.min_lr = 1e-5, .max_lr = 1.9});
  ASSERT_TRUE(r.suggestion);
  EXPECT_HAS(note(r), "never diverges");
}

TEST(LrRange, ALossThatIsNotFiniteEndsTheTest) {
  auto after = [](int steps, bool thrown) {
    int step = 0;
    return lr_range_test([=](double lr) mutable -> double {
      if (step++ < steps) return lr < 1e-5 ? 2 : 1;
      if (thrown) throw NonFiniteError("no", "matmul", "fc");
      return NAN;
    });
  };
  for (bool thrown : {false, true}) {
    const LrRange r = after(60, thrown);
    EXPECT_TRUE(r.diverged);
    EXPECT_EQ(r.points.size(), 60u);
    EXPECT_TRUE(r.suggestion);
    const LrRange early = after(4, thrown);
    EXPECT_FALSE(early.suggestion);
    EXPECT_HAS(early.notes[0], "diverges after 4 steps: extend the range downwards");
    EXPECT_THROW(after(0, thrown), NonFiniteError);
  }
}

TEST(LrRange, RefusesARangeThatIsNone) {
  auto error = [](const LrRangeOptions& o) { return message_of([&] { quadratic(1, o); }); };
  EXPECT_HAS(error({.min_lr = 0}), "0 < min_lr < max_lr, got 0 and 10");
  EXPECT_HAS(error({.min_lr = 1, .max_lr = 1}), "0 < min_lr < max_lr, got 1 and 1");
  EXPECT_HAS(error({.max_lr = INFINITY}), "got 1e-07 and inf");
  EXPECT_HAS(error({.min_lr = NAN}), "0 < min_lr");
  EXPECT_HAS(error({.steps = 19}), "at least 20 steps, got 19");
  EXPECT_HAS(error({.smoothing = 1.0}), "smoothing in [0, 1)");
  EXPECT_HAS(error({.stop = 1}), "stop above 1");
}

class LrRangeTest : public test::FolderTest {};

std::map<std::string, std::vector<float>> values_in(models::Model& m, const optim::Optimizer& o) {
  Tree all = nn::parameters(*m.net);
  all.merge(nn::state(*m.net));
  all.merge(o.state());
  std::map<std::string, std::vector<float>> values;
  for (const auto& [name, t] : all)
    if (t.dtype() == Dtype::f32) values[name] = t.to_vector();
  return values;
}

// Also after a step, when the optimiser has a state, and when the test ends by an exception.
TEST_F(LrRangeTest, LeavesModelAndOptimiserAsTheyWere) {
  const Recipe recipe(small_recipe(path()));
  train::Setup setup = set_up(recipe);
  data::Loader loader(setup.source.train, loader_options(recipe, setup, true));
  optim::Sgd optimizer({.lr = 0.02, .momentum = 0.9});
  loader.start(7);
  train_step(setup.model, optimizer, *loader.next(), Key(1));
  const auto before = values_in(setup.model, optimizer);
  const LrRangeTraining training{
      .model = setup.model, .optimizer = optimizer, .loader = loader, .key = Key(2), .step = {}};
  const LrRange r = lr_range_test(training, {.min_lr = 1e-4, .max_lr = 1e6, .steps = 40});
  EXPECT_TRUE(r.diverged);
  EXPECT_NE(r.points[0].loss, r.points[1].loss);
  EXPECT_EQ(values_in(setup.model, optimizer), before);
  EXPECT_EQ(optimizer.steps(), 1);
  EXPECT_EQ(optimizer.lr(), 0.02);
  LrRangeTraining wrong = training;
  wrong.step.loss.class_weights = {1, 2};  // of ten classes
  EXPECT_HAS(message_of([&] { lr_range_test(wrong); }), "one weight for each of 10 classes");
  EXPECT_EQ(values_in(setup.model, optimizer), before);
}

TEST_F(LrRangeTest, ARecipeIsTestedAsItTrainsAndWritesNothing) {
  const LrRange whole =
      lr_range_test(small_recipe(path()), {.min_lr = 1e-6, .max_lr = 10, .steps = 60});
  EXPECT_EQ(whole.recipe_lr, 0.003);
  ASSERT_TRUE(whole.suggestion);
  EXPECT_GT(*whole.suggestion, 1e-5);
  EXPECT_LT(*whole.suggestion, 1);
  auto losses = [&](const std::map<std::string, std::string>& changes) {
    const LrRange r =
        lr_range_test(small_recipe(path(), changes), {.min_lr = 1e-4, .max_lr = 0.1, .steps = 20});
    std::vector<double> list;
    for (const LrPoint& p : r.points) list.push_back(p.loss);
    return list;
  };
  const std::vector<double> as_is = losses({});
  EXPECT_EQ(losses({{"data.workers", "0"}, {"schedule.name", "constant"}}), as_is);
  // Seed, loss, groups and what is frozen are the recipe's.
  EXPECT_NE(losses({{"run.seed", "2"}}), as_is);
  EXPECT_NE(losses({{"train.label_smoothing", "0"}}), as_is);
  EXPECT_NE(losses({{"optimizer.groups", "4.* lr_scale=0"}}), as_is);
  EXPECT_NE(losses({{"model.freeze", "0"}}), as_is);
  EXPECT_TRUE(std::filesystem::is_empty(path()));
}

TEST_F(LrRangeTest, IsWrittenAsPageChartOrNumbers) {
  LrRange r = quadratic(2);
  r.title = "a <b>";
  for (const char* file : {"r.html", "r.svg", "r.csv"}) write_lr_range(r, path(file));
  EXPECT_HAS(read("r.html"), "a &lt;b&gt;");
  EXPECT_HAS(read("r.html"), "</html>");
  EXPECT_HAS(read("r.svg"), "</svg>");
  const std::string csv = read("r.csv");
  EXPECT_EQ(csv.substr(0, 16), "lr,loss,average\n");
  EXPECT_EQ(size_t(std::count(csv.begin(), csv.end(), '\n')), r.points.size() + 1);
  EXPECT_HAS(message_of([&] { write_lr_range(r, path("r.png")); }), ".html, .svg or .csv");
  EXPECT_HAS(message_of([&] { write_lr_range(r, path("no/r.csv")); }), "no/r.csv");
  EXPECT_HAS(lr_range_text(r), "the loss falls most steeply from");
  write_lr_range(quadratic(1, {.min_lr = 3, .max_lr = 10}), path("none.html"));
  EXPECT_HAS(read("none.html"), "no learning rate to suggest");
}

}  // namespace
}  // namespace fovea::train
