// Classes with few pictures: each of the three remedies finds more of them.
#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/random.h"
#include "fovea/models/model_file.h"
#include "fovea/train/finetune.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

using test::message_of;

// 190 pictures of a class and 10 of another, one pixel each; their colours overlap, so that it pays
// to call all of them the first.
class BalanceTest : public test::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    Rng rng(Key(3));
    auto add = [&](const std::string& split, const char* name, int n, double middle) {
      for (int i = 0; i < n; ++i) {
        auto shade = [&] { return int(std::clamp(middle + 30 * rng.normal(), 0.0, 255.0)); };
        const int r = shade(), g = shade(), b = shade();
        write_ppm(split + "/" + name + "/" + std::to_string(i) + ".ppm", r, g, b);
      }
    };
    add("photos/train", "many", 190, 110);
    add("photos/train", "few", 10, 145);
    add("photos/test", "many", 100, 110);
    add("photos/test", "few", 100, 145);
  }

  Config recipe(const std::map<std::string, std::string>& changes = {}) const {
    Config c = recipe_config();
    c.set("run.folder", path("runs"), "test");
    c.set("run.name", "run", "test");
    c.set("data.source", path("photos"), "test");
    c.set("data.val", "0", "test");
    c.set("model.name", "linear", "test");
    c.set("train.epochs", "6", "test");
    c.set("train.batch", "20", "test");
    c.set("optimizer.lr", "0.02", "test");
    for (const auto& [key, value] : changes) c.set(key, value, "test");
    return c;
  }

  // How many of the small class's pictures of the test split are found.
  double recall(const std::map<std::string, std::string>& changes = {}, Watch* watch = nullptr) {
    const TrainResult r = train(recipe(changes), {.overwrite = true, .observer = watch});
    EXPECT_EQ(r.test->rows[0].name, "few");
    EXPECT_NEAR(r.test->balanced, (r.test->rows[0].recall + r.test->rows[1].recall) / 2, 1e-12);
    return r.test->rows[0].recall;
  }
};

TEST_F(BalanceTest, EachRemedyFindsMoreOfTheSmallClass) {
  Watch watch;
  const double plain = recall({}, &watch);
  ASSERT_EQ(watch.notes.size(), 1u);
  EXPECT_HAS(watch.notes[0], "many with 190 samples, has 19 times those of the smallest, few");
  EXPECT_HAS(watch.notes[0], "consider data.sampler=weighted or train.class_weights=balanced");
  EXPECT_LT(plain, 0.3);
  Watch quiet;
  EXPECT_GT(recall({{"train.class_weights", "balanced"}}, &quiet), plain + 0.3);
  EXPECT_TRUE(quiet.notes.empty());
  EXPECT_GT(recall({{"train.class_weights", "effective"}}), plain + 0.3);
  EXPECT_GT(recall({{"train.class_weights", "10,0.5"}}), plain + 0.3);
  EXPECT_GT(recall({{"data.sampler", "weighted"}}), plain + 0.3);
  EXPECT_GT(recall({{"train.loss", "focal"}, {"train.class_weights", "balanced"}}), plain + 0.3);
}

TEST_F(BalanceTest, AClassifierOnFeaturesFollowsTheRecipeToo) {
  recall({{"train.epochs", "1"}});
  std::filesystem::copy_file(path("runs/run/model.safetensors"), path("old.safetensors"));
  auto found = [&](const std::map<std::string, std::string>& changes, ProbeLoss loss) {
    Config c = recipe(changes);
    c.set("model.name", "convnet", "default");
    c.set("data.limit", "100", "test");
    c.set("model.from", path("old.safetensors"), "test");
    return train_on_features(plan_finetuning(c, "features", {}), {.loss = loss}, true)
        .test->rows[0]
        .recall;
  };
  EXPECT_GT(found({{"data.sampler", "weighted"}}, ProbeLoss::svm), found({}, ProbeLoss::svm) + 0.2);
  // The weights reach the classifier, which can use them with the softmax only.
  EXPECT_HAS(
      message_of([&] {
        found({{"train.class_weights", "balanced"}}, ProbeLoss::svm);
      }),
      "takes neither class weights nor a focal gamma");
}

TEST_F(BalanceTest, WeightedDrawsResumeToTheBit) {
  const std::map<std::string, std::string> weighted{
      {"data.sampler", "weighted"}, {"train.class_weights", "3,1"}, {"train.epochs", "2"}};
  auto named = [&](const char* name, const char* workers) {
    auto changes = weighted;
    changes["run.name"] = name;
    changes["data.workers"] = workers;
    return recipe(changes);
  };
  train(named("whole", "0"));
  int steps = 0;
  const TrainResult stopped = train(named("stopped", "4"), {.signal = [&] {
                                      return ++steps == 13 ? Signal::stop : Signal::go_on;
                                    }});
  ASSERT_TRUE(stopped.interrupted);
  resume(stopped.folder);
  EXPECT_EQ(bits_of(path("runs/whole")), bits_of(path("runs/stopped")));
  Config kept = recipe_config();
  kept.read_toml(path("runs/stopped/recipe.toml"));
  EXPECT_EQ(kept.text("data.sampler"), "weighted");
  EXPECT_EQ(kept.text("train.class_weights"), "3,1");
}

TEST_F(BalanceTest, NonsenseIsRefusedBeforeAnythingIsWritten) {
  auto error = [&](const std::map<std::string, std::string>& changes) {
    return message_of([&] { train(recipe(changes)); });
  };
  EXPECT_HAS(
      error({{"train.class_weights", "1,2,3"}}),
      "expected a weight for each of the 2 classes, few, many, got 3");
  EXPECT_HAS(error({{"train.class_weights", "1,-2"}}), "of at least 0, got -2");
  EXPECT_HAS(error({{"train.class_weights", "0,0"}}), "a weight above 0");
  EXPECT_HAS(error({{"train.class_weights", "1;2"}}), "numbers with commas between");
  EXPECT_HAS(error({{"train.class_weights", "even"}}), "none, balanced, effective or numbers");
  EXPECT_HAS(
      error({{"train.loss", "margin"}}),
      "one of cross_entropy, focal, hinge, squared_hinge, got \"margin\"");
  EXPECT_HAS(error({{"train.focal_gamma", "3"}}), "belongs to train.loss = \"focal\"");
  EXPECT_HAS(
      error({{"train.loss", "focal"}, {"train.focal_gamma", "-1"}}),
      "expected train.focal_gamma from 0 to 100, got -1");
  EXPECT_HAS(
      error({{"train.loss", "focal"}, {"train.label_smoothing", "0.1"}}),
      "takes no train.label_smoothing");
  EXPECT_HAS(error({{"data.sampler", "even"}}), "one of shuffle, weighted");
  EXPECT_HAS(
      error({{"data.sampler", "weighted"}, {"train.class_weights", "balanced"}}),
      "makes the classes equal already");
  EXPECT_HAS(
      error({{"data.limit", "5"}, {"train.class_weights", "balanced"}}),
      "train.class_weights: expected training pictures of every class, got none of few");
  EXPECT_HAS(
      error({{"data.limit", "5"}, {"data.sampler", "weighted"}}),
      "data.sampler: expected training pictures of every class, got none of few");
  EXPECT_FALSE(std::filesystem::exists(path("runs")));
}

}  // namespace
}  // namespace fovea::train
