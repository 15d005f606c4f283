#include "fovea/train/trainer.h"

#include <filesystem>
#include <set>
#include <unistd.h>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/data/source.h"
#include "fovea/models/model_file.h"
#include "fovea/train/evaluate.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

using test::message_of;

class TrainerTest : public test::FolderTest {
 protected:
  Config digits(const std::map<std::string, std::string>& changes) const {
    Config c = recipe_config();
    c.set("run.folder", path("runs"), "test");
    c.set("run.name", "run", "test");
    c.set("data.limit", "400", "test");
    c.set("train.epochs", "2", "test");
    c.set("train.batch", "40", "test");
    for (const auto& [key, value] : changes) c.set(key, value, "test");
    return c;
  }
  bool exists(const std::string& name) const { return std::filesystem::exists(path(name)); }
};

TEST_F(TrainerTest, LossFallsAndTheFolderHoldsTheRun) {
  Watch watch;
  TrainResult r = train(
      digits({{"model.name", "lenet5"}, {"train.epochs", "4"}, {"optimizer.lr", "0.005"}}),
      {.observer = &watch});
  ASSERT_EQ(watch.losses.size(), 4u);
  for (size_t i = 1; i < 4; ++i) EXPECT_LT(watch.losses[i], watch.losses[i - 1]);
  EXPECT_LT(watch.losses[3], 0.5 * watch.losses[0]);
  EXPECT_EQ(r.steps, 4 * 9);
  ASSERT_TRUE(r.val && r.test);
  EXPECT_EQ(r.val->samples, 40);
  EXPECT_EQ(r.test->samples, 2000);
  EXPECT_GT(r.test->top1, 0.6);
  for (const char* file : {"recipe.toml", "metrics.jsonl", "model.safetensors", "last.safetensors"})
    EXPECT_TRUE(exists("runs/run/" + std::string(file))) << file;
  EXPECT_HAS(read("runs/run/report.html"), "</html>");
  Metrics last = read_metrics(path("runs/run/metrics.jsonl")).back();
  EXPECT_EQ(last.event, "end");
  EXPECT_EQ(last.values.at("test_top1"), r.test->top1);

  models::Model m = models::load_model(r.folder + "/model.safetensors");
  EXPECT_EQ(m.architecture.name, "lenet5");
  EXPECT_DOUBLE_EQ(m.metrics.at("test_top1"), r.test->top1);
  Evaluation again = evaluate(m, data::open("digits").test);
  EXPECT_EQ(again.correct(), r.test->correct());
}

TEST_F(TrainerTest, SnapshotsAreKeptAtEqualDistances) {
  const std::map<std::string, std::string> changes{
      {"run.name", "run"},
      {"train.epochs", "5"},
      {"train.snapshots", "2"},
      {"data.limit", "60"},
      {"schedule.name", "cosine"},
      {"schedule.cycles", "2"}};
  train(small_recipe(path(), changes));
  std::set<std::string> kept;
  for (const auto& entry : std::filesystem::directory_iterator(path("run/snapshots")))
    kept.insert(entry.path().filename().string());
  EXPECT_EQ(kept, (std::set<std::string>{"epoch-0003.safetensors", "epoch-0005.safetensors"}));
  models::Model last = models::load_model(path("run/snapshots/epoch-0005.safetensors"));
  EXPECT_EQ(last.metrics.at("epoch"), 5);
  EXPECT_TRUE(last.metrics.contains("val_top1"));
  // The averaged weights, as the best model has them.
  const Tree all = formats::load_safetensors(path("run/last.safetensors")).tensors;
  for (const auto& [name, t] : nn::parameters(*last.net))
    EXPECT_EQ(t.to_vector(), all.at("average/" + name).to_vector()) << name;
  EXPECT_THROW(
      train(small_recipe(path(), {{"train.epochs", "2"}, {"train.snapshots", "3"}})),
      std::invalid_argument);
}

TEST_F(TrainerTest, TheRecipeInTheFolderRepeatsTheRun) {
  train(small_recipe(path(), {{"run.name", "a"}, {"run.seed", "5"}}));
  Config again = recipe_config();
  again.read_toml(path("a/recipe.toml"));
  again.set("run.name", "b", "test");
  train(again);
  EXPECT_EQ(bits_of(path("a")), bits_of(path("b")));
  again.set("run.name", "c", "test");
  again.set("run.seed", "6", "test");
  train(again);
  EXPECT_FALSE(bits_of(path("a")) == bits_of(path("c")));
}

TEST_F(TrainerTest, APatternBecomesLayersWithAScorePerClass) {
  TrainResult r = train(
      digits(
          {{"model.pattern", "[(conv-relu)-pool]*2-(fc-relu)"},
           {"model.widths", "4,8"},
           {"model.fc_widths", "16"},
           {"train.epochs", "1"}}),
      {});
  models::Model m = models::load_model(r.folder + "/model.safetensors");
  EXPECT_EQ(m.architecture.name, "layers");
  EXPECT_EQ(
      m.architecture.layers,
      models::expand_pattern(
          "[(conv-relu)-pool]*2-(fc-relu)", {.widths = {4, 8}, .fc_widths = {16}, .classes = 10}));
}

TEST_F(TrainerTest, ALossThatIsNotFiniteStopsAndSaysWhere) {
  std::string message;
  try {
    train(digits(
        {{"model.name", "lenet5"},
         {"optimizer.name", "sgd"},
         {"optimizer.lr", "1e30"},
         {"schedule.name", "constant"},
         {"train.save_steps", "1"}}));
    FAIL();
  } catch (const NonFiniteError& e) {
    message = e.what();
    EXPECT_FALSE(e.op().empty());
    EXPECT_FALSE(e.path().empty()) << e.what();
  }
  EXPECT_HAS(message, "the loss was not finite at step 1 (epoch 1, learning rate 1e+30)");
  EXPECT_HAS(message, "The batch: digits/train");
  EXPECT_HAS(message, "and 32 more");
  EXPECT_HAS(message, "try a smaller optimizer.lr");
  EXPECT_TRUE(exists("runs/run/last.safetensors"));
  EXPECT_FALSE(exists("runs/run/model.safetensors"));
}

// The loss of the step was finite, the weights after it are not.
TEST_F(TrainerTest, WeightsThatAreNotFiniteReachNoFile) {
  for (const char* save_steps : {"1", "0"}) {
    std::string message = message_of([&] {
      train(digits(
          {{"model.name", "linear"},
           {"run.name", std::string("run") + save_steps},
           {"optimizer.name", "sgd"},
           {"optimizer.lr", "1e39"},
           {"schedule.name", "constant"},
           {"train.epochs", "1"},
           {"train.batch", "360"},  // a single step
           {"train.save_steps", save_steps}}));
    });
    EXPECT_HAS(message, "1.bias became ");
    EXPECT_HAS(message, "at step 0 (epoch 1, learning rate 1e+39)");
    std::string run = std::string("runs/run") + save_steps;
    EXPECT_FALSE(exists(run + "/last.safetensors"));
    EXPECT_FALSE(exists(run + "/model.safetensors"));
  }
}

// Mistakes are found before anything is written.
TEST_F(TrainerTest, MistakesLeaveNoFolder) {
  auto error = [&](const std::map<std::string, std::string>& changes) {
    std::string message = message_of([&] { train(digits(changes)); });
    EXPECT_FALSE(exists("runs")) << message;
    return message;
  };
  EXPECT_HAS(error({{"model.name", "lenet55"}}), "did you mean \"lenet5\"?");
  EXPECT_HAS(error({{"data.source", path("nowhere")}}), "nowhere");
  EXPECT_HAS(error({{"optimizer.name", "adan"}}), "did you mean \"adam\"?");
  EXPECT_HAS(
      error({{"optimizer.lrr", "1"}}),
      "test: unknown key \"optimizer.lrr\", adamw takes lr, beta1, beta2, eps, weight_decay, "
      "groups; "
      "did you mean \"optimizer.lr\"?");
  EXPECT_HAS(error({{"schedule.name", "cosin"}}), "did you mean \"cosine\"?");
  EXPECT_HAS(error({{"model.init", path("none.safetensors")}}), "none.safetensors");
  EXPECT_HAS(error({{"data.height", "4"}, {"data.width", "4"}, {"model.name", "lenet5"}}), "12x12");
}

TEST_F(TrainerTest, AFolderThatCannotBeWrittenIsNamed) {
  write("file", "");
  EXPECT_HAS(
      message_of([&] {
        train(digits({{"run.folder", path("file")}}));
      }),
      "the folder of the run cannot be made");
  if (::geteuid() == 0) return;  // root writes everywhere
  std::filesystem::create_directory(path("locked"));
  std::filesystem::permissions(path("locked"), std::filesystem::perms::owner_read);
  EXPECT_HAS(
      message_of([&] {
        train(digits({{"run.folder", path("locked")}}));
      }),
      "Permission denied");
  std::filesystem::permissions(path("locked"), std::filesystem::perms::owner_all);
}

// Weights of one run begin another with more classes: what fits is taken, and told.
TEST_F(TrainerTest, InitTakesWhatFits) {
  TrainResult r = train(digits({{"model.name", "lenet5"}, {"train.epochs", "1"}}));
  Watch watch;
  train(
      digits(
          {{"model.name", "lenet5"},
           {"run.name", "next"},
           {"train.epochs", "1"},
           {"model.init", r.folder + "/model.safetensors"}}),
      {.observer = &watch});
  ASSERT_FALSE(watch.notes.empty());
  EXPECT_HAS(watch.notes.back(), "10 tensors loaded");
}

class FolderData : public TrainerTest {
 protected:
  void write_class(const std::string& name, int n, int r, int g, int b) const {
    for (int i = 0; i < n; ++i)
      write_ppm(name + "/" + std::to_string(100 + i) + ".ppm", r + i, g + i, b + i);
  }
  Config recipe(const std::map<std::string, std::string>& changes = {}) const {
    Config c = recipe_config();
    c.set("run.folder", path("runs"), "test");
    c.set("run.name", "run", "test");
    c.set("data.source", path("photos"), "test");
    c.set("model.name", "linear", "test");
    c.set("train.epochs", "1", "test");
    c.set("train.batch", "4", "test");
    for (const auto& [key, value] : changes) c.set(key, value, "test");
    return c;
  }
  std::string error(const std::map<std::string, std::string>& changes = {}) const {
    return message_of([&] { train(recipe(changes)); });
  }
};

TEST_F(FolderData, OneClassIsNotAClassifier) {
  write_class("photos/cat", 4, 200, 0, 0);
  std::string message = error();
  EXPECT_HAS(message, "photos");
  EXPECT_HAS(message, "cat");
  EXPECT_FALSE(exists("runs"));
}

TEST_F(FolderData, AnEmptyClassIsNamed) {
  write_class("photos/cat", 4, 200, 0, 0);
  write_class("photos/dog", 4, 0, 200, 0);
  std::filesystem::create_directories(path("photos/owl"));
  EXPECT_HAS(error(), "owl");
  EXPECT_FALSE(exists("runs"));
}

TEST_F(FolderData, CorruptPicturesAreSkippedUpToTheStatedShare) {
  write_class("photos/cat", 20, 200, 0, 0);
  write_class("photos/dog", 20, 0, 200, 0);
  write("photos/cat/119.ppm", "P6 no picture");
  write("photos/dog/119.ppm", "");
  TrainResult r = train(recipe({{"data.max_corrupt", "0.2"}, {"train.epochs", "3"}}));
  EXPECT_LE(r.val->samples + r.val->skipped, 4);
  for (int i = 100; i < 110; ++i)
    write("photos/cat/" + std::to_string(i) + ".ppm", "P6 no picture");
  std::string message = error({{"data.max_corrupt", "0.1"}, {"run.name", "bad"}});
  EXPECT_HAS(message, "cannot be read");
  EXPECT_HAS(message, "photos");
  EXPECT_NO_THROW(train(recipe({{"data.max_corrupt", "0.6"}, {"run.name", "lenient"}})));
}

TEST_F(FolderData, ClassesOfTheValidationSplitAreMatchedByName) {
  write_class("photos/train/cat", 6, 200, 0, 0);
  write_class("photos/train/dog", 6, 0, 200, 0);
  write_class("photos/train/owl", 6, 0, 0, 200);
  write_class("photos/val/cat", 2, 200, 0, 0);
  write_class("photos/val/owl", 2, 0, 0, 200);
  std::string message = error();
  EXPECT_HAS(message, "dog");
  EXPECT_HAS(message, "allow_missing_classes");
  TrainResult r = train(recipe({{"data.allow_missing_classes", "true"}, {"train.epochs", "30"}}));
  ASSERT_TRUE(r.val);
  EXPECT_EQ(r.val->classes, (std::vector<std::string>{"cat", "dog", "owl"}));
  EXPECT_EQ(r.val->rows[1].count, 0);
  EXPECT_EQ(r.val->rows[2].count, 2);
  EXPECT_EQ(r.val->correct(), 4);

  write_class("photos/val/yak", 2, 9, 9, 9);
  EXPECT_HAS(error({{"data.allow_missing_classes", "true"}}), "yak");
}

TEST_F(FolderData, AListOfLayersThatDoesNotFitNamesTheLayer) {
  write_class("photos/cat", 4, 200, 0, 0);
  write_class("photos/dog", 4, 0, 200, 0);
  Config c = recipe_config();
  c.read_toml_text(
      "[[model.layers]]\ntype = \"conv\"\nout = 4\n[[model.layers]]\ntype = \"linear\"\nout = 2\n",
      "r.toml");
  c.set("data.source", path("photos"), "test");
  c.set("run.folder", path("runs"), "test");
  EXPECT_HAS(
      message_of([&] { train(c); }),
      "layer 1 (linear), whose input is (1, 12, 12, 4): expected features (N, F), got (1, 12, 12, "
      "4); put a flatten or global_pool layer before it");
}

}  // namespace
}  // namespace fovea::train
