#include "fovea/train/transfer.h"

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/data/source.h"
#include "fovea/models/ensemble.h"
#include "fovea/models/registry.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/optim/sgd.h"
#include "fovea/train/codes.h"
#include "fovea/train/finetune.h"
#include "fovea/train/probe.h"
#include "fovea/train/step.h"
#include "fovea/train/step_profile.h"
#include "fovea/train/trainer.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

using test::message_of;
using test::random_input;

models::Model model_of(const char* name, Shape input, int64_t classes) {
  models::Model m;
  m.architecture = {.name = name, .input = input, .classes = classes};
  m.preprocess = {
      .channels = int(input[2]),
      .resize = data::Preprocess::Resize::stretch,
      .height = int(input[0]),
      .width = int(input[1])};
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key(1));
  return m;
}

// DAT-37: with batch norm's statistics.
TEST(Frozen, LayersStayToTheBitAndTheOthersLearn) {
  models::Model m = model_of("resnet18_cifar", {8, 8, 3}, 4);
  const Frozen frozen = freeze_modules(*m.net, {"conv1", "bn1", "layer1", "layer2.0"});
  Tree before = nn::parameters(*m.net);
  before.merge(nn::state(*m.net));
  std::map<std::string, std::vector<float>> old;
  for (const auto& [name, t] : before) old[name] = t.to_vector();
  before.clear();
  optim::Sgd optimizer({.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-2});
  const data::Batch batch = made_up_batch(m, 4);
  for (int i = 0; i < 2; ++i) train_step(m, optimizer, batch, Key(1), {.frozen = &frozen});
  Tree after = nn::parameters(*m.net);
  after.merge(nn::state(*m.net));
  int kept = 0;
  for (const auto& [name, t] : after) {
    if (name.ends_with("num_batches_tracked")) continue;
    const bool same = old.at(name) == t.to_vector();
    EXPECT_EQ(same, frozen.holds(name)) << name;
    kept += same;
  }
  EXPECT_EQ(kept, 5 + 4 * 5 + 3 * 5);  // a convolution and a batch norm are five tensors
}

TEST(Frozen, NamesWhatIsNotThere) {
  models::Model m = model_of("resnet18_cifar", {8, 8, 3}, 4);
  EXPECT_HAS(
      message_of([&] { freeze_modules(*m.net, {"layer7"}); }), "\"layer7\"; did you mean \"layer");
  const Frozen all_but = freeze_all_but(*m.net, {"fc.weight", "fc.bias"});
  EXPECT_FALSE(all_but.holds("fc.bias"));
  EXPECT_TRUE(all_but.holds("layer4.1.conv2.weight"));
}

TEST(Transfer, GivesTheHeadOtherClassesAndKeepsTheRest) {
  models::Model old = model_of("resnet20", {16, 16, 3}, 10);
  old.preprocess.mean = {0.4, 0.5, 0.6};
  old.preprocess.std = {0.2, 0.2, 0.2};
  const Surgery s = operate(old, {.classes = 3}, Key(2));
  EXPECT_EQ(s.fresh, (std::set<std::string>{"linear.bias", "linear.weight"}));
  EXPECT_EQ(s.model.preprocess, old.preprocess);
  EXPECT_HAS(s.report, "linear.weight: expected (3, 64), got (10, 64)");
  Tree mine = nn::parameters(*s.model.net), theirs = nn::parameters(*old.net);
  for (const auto& [name, t] : theirs)
    EXPECT_EQ(mine.at(name).to_vector() == t.to_vector(), !s.fresh.contains(name)) << name;
}

TEST(Transfer, ReplacesAConvolutionalHeadByALinearOne) {
  const models::Model old = model_of("squeezenet1_1", {64, 64, 3}, 10);
  EXPECT_HAS(message_of([&] { head_of(old); }), "ends with a linear layer");
  const Surgery s = operate(old, {.classes = 3, .linear_head = true}, Key(2));
  EXPECT_EQ(head_of(s.model), "classifier");
  EXPECT_EQ(s.fresh, (std::set<std::string>{"classifier.bias", "classifier.weight"}));
  const models::Architecture again =
      models::architecture_from_json(models::to_json(s.model.architecture));
  EXPECT_EQ(again, s.model.architecture);
}

// A grey picture gives what the same picture in three equal channels gave.
TEST(Transfer, SumsTheStemForGreyPictures) {
  models::Model old = model_of("convnet", {16, 16, 3}, 5);
  const Surgery s = operate(old, {.classes = 5, .channels = 1}, Key(2));
  EXPECT_TRUE(s.fresh.empty());
  EXPECT_EQ(s.model.preprocess.channels, 1);
  const Tensor grey = random_input({2, 16, 16, 1}, 3);
  EXPECT_LE(
      test::relative_error(
          s.model.scores(grey), old.scores(broadcast_to(grey, {2, 16, 16, 3}).eval())),
      1e-5);
}

TEST(Transfer, NamesWhatDoesNotFit) {
  const models::Model grey = model_of("lenet5", {28, 28, 1}, 10);
  EXPECT_HAS(
      message_of([&] { operate(grey, {.classes = 3, .channels = 3}, Key(2)); }),
      "grey pictures only");
}

models::Model ensemble_of_lenets() {
  std::vector<models::NamedModel> members;
  for (const char* name : {"a", "b"}) {
    models::Model m = model_of("lenet5", {28, 28, 1}, 10);
    m.classes = models::numbered_classes(10);
    members.push_back({name, std::move(m)});
  }
  return models::make_ensemble(std::move(members));
}

// As many classes as it has would leave all but the last member's head as they are.
TEST(Transfer, RefusesAnEnsemble) {
  const models::Model m = ensemble_of_lenets();
  for (int64_t classes : {10, 3})
    EXPECT_HAS(
        message_of([&] { operate(m, {.classes = classes}, Key(2)); }),
        "an ensemble: fine-tune its members and join them again with `fovea ensemble`");
}

TEST(Codes, OfAnEnsembleNeedALayer) {
  const models::Model m = ensemble_of_lenets();
  const data::DatasetPtr some = data::subset(data::open("digits").test, {5, 3});
  EXPECT_HAS(
      message_of([&] { codes_of(m, some); }),
      "an ensemble has a head in each member: name the layer that is wanted (--layer), such as "
      "members.0.fc3.input, members.1.fc3.input");
  const Codes codes = codes_of(m, some, {.layer = "members.1.fc3.input"});
  EXPECT_EQ(codes.values.shape(), (Shape{2, 84}));
}

// What a convolution reads that makes the scores, averaged as by the linear head that replaces it.
TEST(Codes, OfAConvolutionalHeadAreTheMeansOfWhatItReads) {
  const models::Model old = model_of("squeezenet1_1", {64, 64, 3}, 10);
  const data::DatasetPtr some = data::subset(data::open("digits").test, {5, 3});
  const Codes codes = codes_of(old, some);
  ASSERT_EQ(codes.values.shape(), (Shape{2, 512}));
  const Surgery s = operate(old, {.classes = 3, .linear_head = true}, Key(2));
  EXPECT_LE(test::relative_error(codes.values, codes_of(s.model, some).values), 1e-5);
  EXPECT_EQ(
      head_parameters(old), (std::set<std::string>{"classifier.1.bias", "classifier.1.weight"}));
}

TEST(Codes, AreWhatGoesIntoTheHead) {
  const models::Model m = model_of("lenet5", {28, 28, 1}, 10);
  EXPECT_EQ(head_of(m), "fc3");
  EXPECT_EQ(stages_of(m), (std::vector<std::string>{"conv1", "conv2", "fc1", "fc2", "fc3"}));
  const data::DatasetPtr digits = data::open("digits").test;
  const data::DatasetPtr some = data::subset(digits, {5, 3, 8});
  const Codes codes = codes_of(m, some, {.batch = 2});
  ASSERT_EQ(codes.values.shape(), (Shape{3, 84}));
  for (float v : codes.values.data<float>()) EXPECT_GE(v, 0);  // DAT-36: behind a ReLU
  const Tree p = nn::parameters(*m.net);
  std::vector<image::Image> pictures;
  for (int64_t i : {5, 3, 8}) pictures.push_back(m.preprocess.geometry(digits->image(i)));
  EXPECT_LE(
      test::relative_error(
          linear(codes.values, p.at("fc3.weight"), p.at("fc3.bias")),
          m.scores(m.preprocess.apply(pictures))),
      1e-5);
  EXPECT_EQ(codes_of(m, some, {.layer = "pool1"}).values.shape(), (Shape{3, 6}));
  EXPECT_EQ(
      codes_of(m, some, {.layer = "pool1", .mean = false}).values.shape(), (Shape{3, 14 * 14 * 6}));
  EXPECT_HAS(
      message_of([&] { codes_of(m, some, {.layer = "fc9"}); }), "no layer \"fc9\"; did you mean");
}

TEST(Codes, StagesOfANetworkInAFewLargeParts) {
  EXPECT_EQ(
      stages_of(model_of("resnet18_cifar", {8, 8, 3}, 4)),
      (std::vector<std::string>{"conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"}));
  const auto stages = stages_of(model_of("mobilenet_v2", {32, 32, 3}, 4));
  EXPECT_EQ(stages.front(), "features.0");
  EXPECT_EQ(stages.back(), "classifier");
}

// Clouds of points around three corners; the codes' scale and offset must not matter.
Codes clouds(int64_t n, uint64_t seed) {
  Codes c;
  std::vector<float> values;
  std::vector<int32_t> labels;
  const std::vector<float> noise = random_input({n, 4}, seed).to_vector();
  for (int64_t i = 0; i < n; ++i) {
    labels.push_back(int32_t(i % 3));
    for (int64_t d = 0; d < 4; ++d)
      values.push_back(1000 + 100 * (float(d == i % 3) * 4 + noise[size_t(i * 4 + d)]));
  }
  c.values = Tensor::from(values, {n, 4});
  c.labels = Tensor::from<int32_t>(labels, {n});
  return c;
}

TEST(Probe, SeparatesCloudsWithBothLosses) {
  const Codes train = clouds(90, 1), val = clouds(60, 2);
  for (ProbeLoss loss : {ProbeLoss::softmax, ProbeLoss::svm}) {
    const Probe p = fit_probe(train, &val, 3, {.loss = loss, .epochs = 20});
    EXPECT_EQ(p.weight.shape(), (Shape{3, 4}));
    EXPECT_GE(p.train_top1, 0.98);
    EXPECT_GE(*p.val_top1, 0.95);
  }
  EXPECT_HAS(message_of([&] { fit_probe(train, nullptr, 1); }), "2 classes");
}

// Two clouds that overlap, one of them small: weights and draws move the border towards the other.
TEST(Probe, FindsMoreOfASmallClassWhereAsked) {
  constexpr int64_t n = 100, small = 8;
  const std::vector<float> noise = random_input({n, 2}, 5, -1, 1).to_vector();
  std::vector<float> values;
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < n; ++i) {
    labels.push_back(i < small ? 1 : 0);
    for (int64_t d = 0; d < 2; ++d)
      values.push_back(noise[size_t(2 * i + d)] + (i < small ? 0.6f : 0.0f));
  }
  Codes c;
  c.values = Tensor::from(values, {n, 2});
  c.labels = Tensor::from<int32_t>(labels, {n});
  auto found = [&](const ProbeOptions& o) {  // how many are called the small class
    const Probe p = fit_probe(c, nullptr, 2, o);
    int64_t count = 0;
    for (double guess : argmax(linear(c.values, p.weight, p.bias), 1).eval().to_doubles())
      count += guess == 1;
    return count;
  };
  const ProbeOptions plain{.weight_decay = {1e-3}, .epochs = 30, .batch = 20};
  ProbeOptions weighted = plain, focal = plain, balanced = plain;
  weighted.softmax.class_weights = {1, 12};
  focal.softmax = {.focal_gamma = 2, .class_weights = {1, 12}};
  balanced.balance = true;
  const int64_t before = found(plain);
  EXPECT_LT(before, small);
  for (const ProbeOptions& o : {weighted, focal, balanced}) EXPECT_GT(found(o), before + small);
}

class FinetuneTest : public test::FolderTest {
 protected:
  Config recipe(const std::map<std::string, std::string>& changes) const {
    Config c = recipe_config();
    c.set("run.folder", path("runs"), "test");
    c.set("run.name", "run", "test");
    c.set("data.limit", "200", "test");
    c.set("train.epochs", "2", "test");
    c.set("train.batch", "20", "test");
    c.set("model.from", path("old.safetensors"), "test");
    for (const auto& [key, value] : changes) c.set(key, value, "test");
    return c;
  }
  void SetUp() override {
    FolderTest::SetUp();
    models::Model m = model_of("lenet5", {28, 28, 1}, 6);
    for (int i = 0; i < 6; ++i) m.classes.push_back("shape " + std::to_string(i));
    models::save_model(path("old.safetensors"), m);
  }
};

TEST_F(FinetuneTest, TrainsTheLastStagesAndTheHeadFirst) {
  const Finetuning plan = plan_finetuning(recipe({}), "last", {.stages = 1, .head_epochs = 1});
  EXPECT_EQ(plan.config.text("model.freeze"), "conv1 conv2 fc1");
  EXPECT_HAS(plan.config.under("optimizer.").at("groups"), "fc2.* lr_scale=0.5");
  const TrainResult r = train(plan.config);
  const models::Model old = models::load_model(path("old.safetensors"));
  const models::Model now = models::load_model(r.folder + "/model.safetensors");
  EXPECT_EQ(now.classes.size(), 10u);
  const Tree before = nn::parameters(*old.net), after = nn::parameters(*now.net);
  EXPECT_EQ(before.at("fc1.weight").to_vector(), after.at("fc1.weight").to_vector());
  EXPECT_EQ(after.at("fc3.weight").dim(0), 10);
  EXPECT_EQ(resume(r.folder).steps, r.steps);  // the recipe it keeps can be read again

  // A head that fits is not new, so nothing waits for it unless that is asked for.
  for (const auto& head_epochs : {std::optional<int64_t>(), std::optional<int64_t>(1)}) {
    const TrainResult fits =
        train(plan_finetuning(
                  recipe({{"model.from", r.folder + "/model.safetensors"}, {"train.epochs", "1"}}),
                  "all",
                  {.head_epochs = head_epochs})
                  .config);
    const models::Model went_on = models::load_model(fits.folder + "/model.safetensors");
    const Tree learnt = nn::parameters(*went_on.net);
    EXPECT_EQ(
        learnt.at("fc1.weight").to_vector() == after.at("fc1.weight").to_vector(),
        head_epochs.has_value());
    EXPECT_NE(learnt.at("fc3.weight").to_vector(), after.at("fc3.weight").to_vector());
  }

  // The first epoch leaves all but the head.
  const TrainResult first =
      train(plan_finetuning(recipe({{"train.epochs", "1"}}), "all", {.head_epochs = 1}).config);
  const models::Model head_only = models::load_model(first.folder + "/model.safetensors");
  EXPECT_EQ(
      nn::parameters(*head_only.net).at("fc2.weight").to_vector(),
      before.at("fc2.weight").to_vector());
}

TEST_F(FinetuneTest, TheHeadGoesFirstWhereMoreEpochsFollow) {
  auto head_epochs = [&](const char* epochs, const FinetuneOptions& o = {}) {
    const Finetuning plan = plan_finetuning(recipe({{"train.epochs", epochs}}), "all", o);
    EXPECT_EQ(plan.notes.size(), o.head_epochs ? 1u : 0u);
    for (const std::string& note : plan.notes) EXPECT_HAS(note, "only the head learns");
    return plan.config.text("train.head_epochs");
  };
  EXPECT_EQ(head_epochs("1"), "0");
  EXPECT_EQ(head_epochs("2"), "1");
  EXPECT_EQ(head_epochs("9"), "1");
  EXPECT_EQ(head_epochs("1", {.head_epochs = 1}), "1");
}

TEST_F(FinetuneTest, WhatBeginsAnewIsNotFrozen) {
  EXPECT_HAS(
      message_of([&] {
        train(recipe({{"model.freeze", "conv1 fc3"}}));
      }),
      "model.freeze: fc3.bias does not fit");
  EXPECT_FALSE(std::filesystem::exists(path("runs")));
  // Larger pictures give fc1 more to read.
  const Finetuning plan = plan_finetuning(recipe({{"data.height", "36"}}), "last", {.stages = 1});
  EXPECT_EQ(plan.config.text("model.freeze"), "conv1 conv2");
  ASSERT_EQ(plan.notes.size(), 1u);
  EXPECT_HAS(plan.notes[0], "fc1 begins anew");
}

TEST_F(FinetuneTest, SaysWhatHasNoEffect) {
  auto notes = [&](const char* mode,
                   const std::map<std::string, std::string>& changes,
                   const FinetuneOptions& o) {
    std::string text;
    for (const std::string& note : plan_finetuning(recipe(changes), mode, o).notes)
      text += note + "\n";
    return text;
  };
  EXPECT_EQ(notes("last", {}, {.stages = 4}), "");
  EXPECT_HAS(notes("last", {}, {.stages = 5}), "--stages 5: the network has 4 before its head");
  EXPECT_HAS(notes("all", {}, {.stages = 1}), "without effect: --stages; mode all trains all");
  EXPECT_HAS(notes("all", {}, {.loss = ProbeLoss::svm}), "without effect: --classifier; it is for");
  EXPECT_HAS(
      notes("last", {{"model.freeze", "conv1"}}, {.stages = 1}),
      "without effect: --stages; model.freeze is set by test");
  EXPECT_HAS(
      notes("last", {{"train.head_epochs", "0"}}, {.head_epochs = 1}),
      "without effect: --head-epochs; train.head_epochs is set by test");
  EXPECT_HAS(
      notes("last", {{"optimizer.groups", "fc3.* lr_scale=1"}}, {.stage_lr = 0.1}),
      "without effect: --stage-lr; optimizer.groups is set by test");
  const std::string features = notes(
      "features",
      {{"optimizer.lr", "0.1"},
       {"train.ema", "0.9"},
       {"model.freeze", "conv1"},
       {"train.class_weights", "balanced"}},
      {.stages = 1, .head_epochs = 2, .stage_lr = 1});
  for (const char* setting :
       {"train.epochs (test)",
        "train.batch (test)",
        "optimizer.lr (test)",
        "train.ema (test)",
        "model.freeze (test)",
        "--stages, --head-epochs, --stage-lr; mode features fits"})
    EXPECT_HAS(features, setting);
  EXPECT_EQ(features.find("train.class_weights"), features.npos);
}

TEST_F(FinetuneTest, LooksAtTheDataInAnyMode) {
  for (const char* mode : {"auto", "features", "last", "all"}) {
    const Finetuning plan = plan_finetuning(recipe({}), mode, {});
    ASSERT_TRUE(plan.advice.separation) << mode;
    EXPECT_EQ(plan.advice.separation->classes, 10);
    EXPECT_EQ(plan.mode, std::string(mode) == "auto" ? plan.advice.mode : mode);
  }
}

TEST_F(FinetuneTest, KeepsWhatItBeginsFrom) {
  std::filesystem::create_directories(path("runs/run"));
  std::filesystem::rename(path("old.safetensors"), path("runs/run/model.safetensors"));
  const std::string before = read("runs/run/model.safetensors");
  const Config c = recipe({{"model.from", path("runs/run/model.safetensors")}});
  const char* message = "which model.from says to begin from: give the new run another --name";
  EXPECT_HAS(message_of([&] { train(c, {.overwrite = true}); }), message);
  EXPECT_HAS(
      message_of([&] { train_on_features(plan_finetuning(c, "features", {}), {}, true); }),
      message);
  Config init = recipe_config();
  init.set("run.folder", path("runs"), "test");
  init.set("run.name", "run", "test");
  init.set("model.name", "lenet5", "test");
  init.set("model.init", path("runs/run/model.safetensors"), "test");
  EXPECT_HAS(message_of([&] { train(init, {.overwrite = true}); }), "which model.init says");
  EXPECT_EQ(read("runs/run/model.safetensors"), before);
}

TEST_F(FinetuneTest, ARunThatGoesOnNamesWhatHasMoved) {
  const TrainResult r = train(recipe({{"train.epochs", "1"}}));
  std::filesystem::rename(path("old.safetensors"), path("moved.safetensors"));
  EXPECT_HAS(
      message_of([&] { resume(r.folder); }),
      "old.safetensors: there is no such file, and " + r.folder +
          "/recipe.toml names it as model.from");
}

TEST_F(FinetuneTest, CountsWhatCannotBeRead) {
  for (int i = 0; i < 24; ++i) {
    const std::string name = std::to_string(i) + ".ppm";
    write_ppm("photos/red/" + name, 200 + i, i, i);
    write_ppm("photos/blue/" + name, i, i, 200 + i);
  }
  write("photos/red/bad.ppm", "no picture");
  const Config c =
      recipe({{"data.source", path("photos")}, {"data.limit", "0"}, {"data.max_corrupt", "0.5"}});
  const data::Source photos = data::open(path("photos"));
  EXPECT_EQ(codes_of(models::load_model(path("old.safetensors")), photos.train).skipped, 1);
  const FeatureResult r = train_on_features(plan_finetuning(c, "features", {}), {}, false);
  EXPECT_EQ(r.skipped + r.val->skipped, 1);
}

TEST_F(FinetuneTest, FixedFeaturesLookForTheirFolderFirst) {
  Finetuning plan = plan_finetuning(recipe({{"run.name", std::string(300, 'x')}}), "features", {});
  plan.setup.source.train = nullptr;  // nothing is read
  EXPECT_HAS(
      message_of([&] { train_on_features(std::move(plan), {}, false); }),
      "choose a shorter --name");
}

TEST_F(FinetuneTest, FixedFeaturesBecomeAModelOfTheWholeNetwork) {
  const FeatureResult r = train_on_features(plan_finetuning(recipe({}), "features", {}), {}, false);
  EXPECT_EQ(r.features, 84);
  ASSERT_TRUE(r.val && r.test);
  EXPECT_GT(r.test->top1, 0.3);  // random features; a guess is 0.1
  const models::Model m = models::load_model(r.model);
  EXPECT_EQ(m.metrics.at("test_top1"), r.test->top1);
  const models::Model old = models::load_model(path("old.safetensors"));
  EXPECT_EQ(
      nn::parameters(*m.net).at("fc2.weight").to_vector(),
      nn::parameters(*old.net).at("fc2.weight").to_vector());
}

TEST_F(FinetuneTest, SaysWhatContradicts) {
  EXPECT_HAS(
      message_of([&] {
        Recipe(recipe({{"model.name", "resnet20"}}));
      }),
      "brings its own network");
  EXPECT_HAS(message_of([&] { plan_finetuning(recipe({}), "some", {}); }), "got some");
  Config c = recipe_config();
  c.set("model.head", "linear", "test");
  EXPECT_HAS(message_of([&] { Recipe{c}; }), "give model.from");
}

}  // namespace
}  // namespace fovea::train
