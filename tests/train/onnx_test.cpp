#include "fovea/formats/onnx.h"

#include <gtest/gtest.h>

#include "fovea/models/frozen.h"
#include "fovea/onnx/open.h"
#include "fovea/onnx/save.h"
#include "fovea/optim/sgd.h"
#include "fovea/train/codes.h"
#include "fovea/train/finetune.h"
#include "fovea/train/step.h"
#include "fovea/train/trainer.h"
#include "fovea/train/transfer.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

// Fine-tuning an ONNX file, beside the network that it was written from.
namespace fovea::train {
namespace {

using test::message_of;

class OnnxFinetune : public test::FolderTest {
 protected:
  Config recipe(const std::string& from, const std::map<std::string, std::string>& changes = {}) {
    Config c = recipe_config();
    c.set("run.folder", path("runs"), "test");
    c.set("run.name", from.substr(from.rfind('.') + 1), "test");
    c.set("data.limit", "120", "test");
    c.set("train.epochs", "1", "test");
    c.set("train.batch", "20", "test");
    c.set("model.from", path(from), "test");
    c.set("model.head", "linear", "test");
    for (const auto& [key, value] : changes) c.set(key, value, "test");
    return c;
  }
  void SetUp() override {
    FolderTest::SetUp();
    models::Model m;
    m.architecture = {.name = "lenet5", .input = {28, 28, 1}, .classes = 6};
    m.preprocess = data::Preprocess::named("unit", 28, 28, 1);
    m.net = models::build(m.architecture);
    nn::initialize(*m.net, Key(1));
    m.classes = models::numbered_classes(6);
    models::save_model(path("old.safetensors"), m);
    try {
      onnx::save(m, path("old.onnx"));
    } catch (const std::runtime_error& e) {
      GTEST_SKIP() << e.what();  // a build without ONNX
    }
  }
};

TEST_F(OnnxFinetune, BeginsAsTheNetworkItWasWrittenFrom) {
  std::vector<double> losses;
  std::vector<Tree> heads;
  for (const char* from : {"old.safetensors", "old.onnx"}) {
    train::Setup s = set_up(Recipe(recipe(from)));
    EXPECT_EQ(s.fresh, (std::set<std::string>{"fc3.bias", "fc3.weight"}));
    EXPECT_EQ(head_of(s.model), "fc3");
    EXPECT_EQ(
        stages_of(s.model), (std::vector<std::string>{"conv1", "conv2", "fc1", "fc2", "fc3"}));
    data::Loader loader(s.source.train, {.batch_size = 20, .preprocess = s.model.preprocess});
    loader.start(0);
    optim::Sgd optimizer({.lr = 0.1});
    for (int i = 0; i < 2; ++i) {
      losses.push_back(train_step(s.model, optimizer, *loader.next(), Key(3)).loss);
    }
    heads.push_back(nn::parameters(*s.model.net));
  }
  EXPECT_NEAR(losses[0], losses[2], 1e-5);
  EXPECT_NEAR(losses[1], losses[3], 1e-5);
  ASSERT_EQ(heads[0].size(), heads[1].size());
  for (const auto& [name, t] : heads[0])
    EXPECT_LE(test::relative_error(heads[1].at(name), t), 1e-5) << name;
}

TEST_F(OnnxFinetune, TheRunsModelIsAModelLikeAnyOther) {
  Finetuning plan = plan_finetuning(recipe("old.onnx"), "last", {.stages = 1, .head_epochs = 0});
  EXPECT_EQ(plan.config.text("model.freeze"), "conv1 conv2 fc1");
  const Tree before = nn::parameters(*onnx::open(path("old.onnx")).net);
  const TrainResult r = train(std::move(plan.setup), plan.config);
  const models::Model now = models::load_model(r.folder + "/model.safetensors");
  EXPECT_EQ(now.classes.size(), 10u);
  const Tree after = nn::parameters(*now.net);
  EXPECT_EQ(after.at("fc1.weight").to_vector(), before.at("fc1.weight").to_vector());
  EXPECT_NE(after.at("fc2.weight").to_vector(), before.at("fc2.weight").to_vector());
  EXPECT_EQ(after.at("fc3.weight").dim(0), 10);

  const Tensor x = test::random_input({2, 28, 28, 1}, 3);
  EXPECT_LE(test::relative_error(models::FrozenModel(now).scores(x), now.scores(x)), 1e-5);
  onnx::save(now, path("now.onnx"));
  EXPECT_LE(test::relative_error(onnx::open(path("now.onnx")).scores(x), now.scores(x)), 1e-5);
  EXPECT_EQ(resume(r.folder).steps, r.steps);  // nothing is left to do, and all of it loads

  // Once more, from what came out of it.
  const train::Setup again =
      set_up(Recipe(recipe("runs/onnx/model.safetensors", {{"data.val", "0.2"}})));
  EXPECT_TRUE(again.fresh.empty());
}

TEST_F(OnnxFinetune, FixedFeaturesBecomeAModelOfTheGraph) {
  const FeatureResult r =
      train_on_features(plan_finetuning(recipe("old.onnx"), "features", {}), {}, false);
  EXPECT_EQ(r.features, 84);
  ASSERT_TRUE(r.test);
  EXPECT_GT(r.test->top1, 0.3);
  EXPECT_EQ(models::load_model(r.model).metrics.at("test_top1"), r.test->top1);
}

TEST_F(OnnxFinetune, NeedsToKnowThePreprocessing) {
  formats::OnnxModel m = formats::read_onnx(path("old.onnx"));
  m.metadata.clear();
  write("bare.onnx", formats::onnx_bytes(m));
  EXPECT_HAS(message_of([&] { set_up(Recipe(recipe("bare.onnx"))); }), "say it by --preprocess");
  const train::Setup s = set_up(Recipe(recipe("bare.onnx", {{"model.preprocess", "unit"}})));
  EXPECT_EQ(s.model.preprocess, data::Preprocess::named("unit", 28, 28, 1));
  EXPECT_HAS(
      message_of([&] {
        set_up(Recipe(recipe("old.safetensors", {{"model.preprocess", "unit"}})));
      }),
      "no others can be given");
  Config c = recipe_config();
  c.set("model.preprocess", "unit", "test");
  EXPECT_HAS(message_of([&] { Recipe{c}; }), "give that");
}

TEST_F(OnnxFinetune, RefusesAGraphOfOnePicture) {
  models::Model m = onnx::open(path("old.onnx"));
  m.one_by_one = true;
  EXPECT_HAS(message_of([&] { operate(m, {.classes = 3}, Key(1)); }), "with a free batch");
}

}  // namespace
}  // namespace fovea::train
