// Classical methods by `train`: data, evaluation, report and model file are those of any network.
#include <filesystem>

#include "fovea/classic/templates.h"
#include "fovea/data/source.h"
#include "fovea/data/split.h"
#include "fovea/ops/elementwise.h"
#include "fovea/optim/factory.h"
#include "fovea/train/evaluate.h"
#include "fovea/train/recipe.h"
#include "fovea/train/run_report.h"
#include "fovea/train/step.h"
#include "fovea/train/trainer.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::train {
namespace {

Config recipe(const std::string& folder, const std::map<std::string, std::string>& settings) {
  Config c = recipe_config();
  c.set("run.folder", folder, "test");
  c.set("data.limit", "400", "test");
  for (const auto& [key, value] : settings) c.set(key, value, "test");
  return c;
}

std::string refusal(const std::map<std::string, std::string>& settings) {
  return test::message_of([&] { train(recipe("unused", settings)); });
}

using Classic = test::FolderTest;

TEST_F(Classic, NearestNeighboursAreFittedAndKept) {
  const TrainResult r = train(recipe(path(), {{"model.name", "knn"}, {"knn.k", "3"}}));
  EXPECT_EQ(r.steps, 0);
  EXPECT_EQ(read_metrics(r.folder + "/metrics.jsonl").at(0).values.at("steps"), 0);  // to come
  ASSERT_TRUE(r.test && r.val);
  EXPECT_GT(r.test->top1, 0.75);
  const models::Model model = models::load_model(r.folder + "/model.safetensors");
  EXPECT_EQ(model.architecture.layers.back().options.at("samples"), "360");
  const auto source = data::open("digits");
  EXPECT_EQ(evaluate(model, source.test).top1, r.test->top1);
  EXPECT_TRUE(std::filesystem::exists(r.folder + "/report.html"));
  const TrainResult again = resume(r.folder);
  EXPECT_EQ(again.test->top1, r.test->top1);
}

TEST_F(Classic, TheNearestNeighbourKnowsItsTrainingPictures) {
  const Config c = recipe(
      path(), {{"model.name", "knn"}, {"knn.k", "1"}, {"knn.metric", "l1"}, {"data.val", "0"}});
  const TrainResult r = train(c);
  const models::Model model = models::load_model(r.folder + "/model.safetensors");
  auto order = data::permutation(data::open("digits").train->size(), Key(1).fold_in(3));
  order.resize(400);
  EXPECT_EQ(evaluate(model, data::subset(data::open("digits").train, order)).top1, 1);
}

TEST_F(Classic, ATreeFindsTheSameAfterAProjection) {
  std::map<std::string, std::string> settings{
      {"model.name", "knn"}, {"project.kind", "pca"}, {"project.dims", "7"}};
  const TrainResult tree = train(recipe(path(), settings));
  const models::Model model = models::load_model(tree.folder + "/model.safetensors");
  EXPECT_TRUE(nn::state(*model.net).contains("2.radii"));
  settings["knn.search"] = "exhaustive";
  const TrainResult all = train(recipe(path(), settings));
  EXPECT_GT(all.test->top1, 0.7);
  EXPECT_EQ(tree.test->confusion, all.test->confusion);
  EXPECT_EQ(tree.test->loss, all.test->loss);
}

TEST_F(Classic, LinearModelsLearnByTheirLosses) {
  for (const char* name : {"svm", "l2svm", "softmax"}) {
    const TrainResult r = train(recipe(
        path(),
        {{"model.name", name},
         {"train.epochs", "8"},
         {"train.batch", "40"},
         {"optimizer.lr", "0.01"}}));
    EXPECT_GT(r.test->top1, 0.75) << name;
  }
  const Recipe svm(recipe(path(), {{"model.name", "svm"}}));
  const Recipe l2svm(recipe(path(), {{"model.name", "l2svm"}}));
  EXPECT_EQ(svm.hinge, Hinge::plain);
  EXPECT_EQ(l2svm.hinge, Hinge::squared);
  EXPECT_EQ(svm.name, "svm-digits");
}

// CS231n lecture 3: of cat 3.2, car 5.1 and frog -1.7, a cat has the loss 2.9.
TEST(ClassificationLoss, IsTheHingeLossOfTheCourse) {
  const Tensor scores = Tensor::from<float>({3.2f, 5.1f, -1.7f}, {1, 3});
  const Tensor label = Tensor::from<int32_t>({0}, {1});
  auto loss = [&](const LossOptions& o) {
    return classification_loss(scores, label, o).item<double>();
  };
  EXPECT_NEAR(loss({.hinge = Hinge::plain}), 2.9, 1e-6);
  EXPECT_NEAR(loss({.hinge = Hinge::squared}), 2.9 * 2.9, 1e-5);
  EXPECT_HAS(
      test::message_of([&] { loss({.label_smoothing = 0.1, .hinge = Hinge::plain}); }),
      "hinge loss alone");
}

TEST_F(Classic, StepsNeedSomethingToTrain) {
  const TrainResult r = train(recipe(path(), {{"model.name", "knn"}}));
  models::Model model = models::load_model(r.folder + "/model.safetensors");
  const auto optimizer = optim::make_optimizer({{"name", "sgd"}});
  EXPECT_HAS(
      test::message_of([&] { train_step(model, *optimizer, data::Batch(), Key(1)); }),
      "fitted at once");
}

TEST_F(Classic, TemplatesAreTheRowsOfTheWeights) {
  const TrainResult r = train(recipe(
      path(),
      {{"model.name", "softmax"},
       {"train.epochs", "1"},
       {"project.kind", "pca"},
       {"project.dims", "5"},
       {"data.normalize", "none"}}));
  models::Model model = models::load_model(r.folder + "/model.safetensors");
  const Tensor t = classic::templates(*model.net, model.architecture.input);
  EXPECT_EQ(t.shape(), (Shape{10, 28, 28, 1}));
  // Scores are linear: they differ from those of zeros by the product with the template.
  const Tensor x = test::random_input({1, 28, 28, 1}, 3);
  const Tensor change = model.scores(x) - model.scores(x * 0.0);
  const std::vector<double> got = (t * x).eval().to_doubles(), expected = change.to_doubles();
  EXPECT_EQ(first_layer_weights(model).shape(), (Shape{10, 1, 28, 28}));
  for (size_t c = 0; c < 10; ++c) {
    double sum = 0;
    for (size_t i = 0; i < 784; ++i) sum += got[c * 784 + i];
    EXPECT_NEAR(sum, expected[c], 1e-4);
  }
}

TEST_F(Classic, SaysWhatDoesNotFit) {
  EXPECT_HAS(refusal({{"model.name", "knn"}, {"knn.k", "0"}}), "knn.k of at least 1, got 0");
  EXPECT_HAS(
      refusal({{"model.name", "knn"}, {"knn.k", "361"}}),
      "k of at most the 360 training samples, got 361");
  EXPECT_HAS(
      refusal({{"model.name", "knn"}, {"knn.metric", "cosine"}}),
      "knn.metric to be one of l2, l1, got \"cosine\"");
  EXPECT_HAS(refusal({{"knn.k", "3"}}), "knn.k belongs to model.name = \"knn\"");
  EXPECT_HAS(refusal({{"project.kind", "pca"}, {"project.dims", "3"}}), "belongs to model.name");
  EXPECT_HAS(refusal({{"model.name", "svm"}, {"project.kind", "pca"}}), "how many dimensions");
  EXPECT_HAS(
      refusal({{"model.name", "svm"}, {"project.kind", "random"}, {"project.dims", "785"}}),
      "from 1 to the 784 values of a picture, got 785");
  EXPECT_HAS(refusal({{"model.name", "softmax"}, {"train.loss", "hinge"}}), "loss of its own");
  EXPECT_HAS(
      refusal({{"model.name", "svm"}, {"train.label_smoothing", "0.1"}}),
      "hinge loss takes neither");
  EXPECT_HAS(
      refusal({{"model.name", "knn"}, {"data.limit", "12"}, {"data.val", "0"}}),
      "training pictures of every class");
}

}  // namespace
}  // namespace fovea::train
