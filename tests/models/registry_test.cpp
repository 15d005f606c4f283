#include "fovea/models/registry.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/models/architecture.h"
#include "fovea/models/summary.h"
#include "fovea/nn/grad.h"
#include "fovea/ops/loss.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::models {
namespace {

using test::message_of;
using test::random_input;

// Parameters for the data a model was designed for: LeNet-5 as in the 1998 paper's C5 and F6, the
// ImageNet networks as torchvision counts them, the others by hand from their layers.
const std::map<std::string_view, int64_t> parameter_counts{
    {"linear", 7'850},
    {"two_layer", 79'510},
    {"lenet5", 61'706},
    {"convnet", 288'746},
    {"resnet20", 269'722},
    {"resnet32", 464'154},
    {"resnet44", 658'586},
    {"resnet56", 853'018},
    {"resnet18_cifar", 11'173'962},
    {"resnet18", 11'689'512},
    {"resnet34", 21'797'672},
    {"resnet50", 25'557'032},
    {"resnet101", 44'549'160},
    {"resnet152", 60'192'808},
};

class EveryModel : public testing::TestWithParam<std::string_view> {
 protected:
  const Entry& entry() const { return find(GetParam()); }
};

TEST_P(EveryModel, HasTheKnownNumberOfParameters) {
  auto net = entry().make({.classes = entry().classes, .input = entry().input});
  ASSERT_TRUE(parameter_counts.contains(GetParam()));
  EXPECT_EQ(nn::count_parameters(*net), parameter_counts.at(GetParam()));
}

TEST_P(EveryModel, GivesAScoreForEachClass) {
  auto net = build({.name = std::string(GetParam()), .input = entry().input, .classes = 7});
  nn::Ctx ctx;
  Shape input{3, entry().input[0], entry().input[1], entry().input[2]};
  Tensor scores = nn::forward(*net, nn::shaped(input), ctx);  // builds the graph only
  EXPECT_EQ(scores.shape().str(), "(3, 7)");
}

// Small pictures, but large enough for batch norm to see several pixels in the last stage.
TEST_P(EveryModel, EveryParameterGetsAGradient) {
  if (parameter_counts.at(GetParam()) > 30e6) GTEST_SKIP() << "large, and the same as resnet50";
  Shape input = entry().input;
  if (input[0] == 224) input = {64, 64, 3};
  auto net = build({.name = std::string(GetParam()), .input = input, .classes = 5});
  nn::initialize(*net, Key(1));
  Tensor x = random_input({3, input[0], input[1], input[2]}, 1);
  Tensor labels = test::int_input({3}, 2, 0, 5);
  nn::Ctx ctx;
  ctx.training = true;
  nn::LossAndGrad r = nn::value_and_grad(
      *net, ctx, [&](nn::Ctx& c) { return cross_entropy(nn::forward(*net, x, c), labels); });
  std::vector<Tensor> all = values_of(r.grads);
  all.push_back(r.loss);
  eval(all);
  EXPECT_TRUE(std::isfinite(r.loss.item<double>()));
  for (const auto& [name, g] : r.grads) {
    double largest = 0;
    for (float v : g.data<float>()) largest = std::max(largest, double(std::abs(v)));
    EXPECT_GT(largest, 0) << name;
    EXPECT_TRUE(std::isfinite(largest)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All,
    EveryModel,
    testing::ValuesIn([] {
      std::vector<std::string_view> names;
      for (const Entry& e : all()) names.push_back(e.name);
      return names;
    }()),
    [](const auto& p) { return std::string(p.param); });

TEST(Registry, SuggestsNearNames) {
  EXPECT_HAS(
      message_of([] { find("resnet81"); }),
      "unknown model \"resnet81\"; did you mean \"resnet18\"?");
  EXPECT_EQ(names().size(), parameter_counts.size());
}

TEST(Registry, RefusesInputsThatAreTooSmallOrMalformed) {
  EXPECT_HAS(
      message_of([] {
        build({.name = "lenet5", .input = {8, 8, 1}, .classes = 10});
      }),
      "[lenet5] expected an input of at least 12x12, got 8x8");
  EXPECT_HAS(
      message_of([] {
        build({.name = "lenet5", .input = {28, 28}, .classes = 10});
      }),
      "[build] expected an input (H, W, C)");
}

// Table 7 of LeCun et al. with ReLU and max pooling; memory and multiply-adds counted by hand.
TEST(Summary, OfLeNet5) {
  auto net = find("lenet5").make({.classes = 10, .input = {28, 28, 1}});
  Summary s = summarize(*net, {28, 28, 1});
  struct Row {
    const char* path;
    const char* output;
    int64_t parameters;
    double macs;
  };
  const Row expected[] = {
      {"conv1", "(1, 28, 28, 6)", 156, 117'600},
      {"relu1", "(1, 28, 28, 6)", 0, 0},
      {"pool1", "(1, 14, 14, 6)", 0, 0},
      {"conv2", "(1, 10, 10, 16)", 2'416, 240'000},
      {"relu2", "(1, 10, 10, 16)", 0, 0},
      {"pool2", "(1, 5, 5, 16)", 0, 0},
      {"flatten", "(1, 400)", 0, 0},
      {"fc1", "(1, 120)", 48'120, 48'000},
      {"relu3", "(1, 120)", 0, 0},
      {"fc2", "(1, 84)", 10'164, 10'080},
      {"relu4", "(1, 84)", 0, 0},
      {"fc3", "(1, 10)", 850, 840},
  };
  ASSERT_EQ(s.layers.size(), std::size(expected));
  for (size_t i = 0; i < s.layers.size(); ++i) {
    EXPECT_EQ(s.layers[i].path, expected[i].path);
    EXPECT_EQ(s.layers[i].output.str(), expected[i].output) << expected[i].path;
    EXPECT_EQ(s.layers[i].parameters, expected[i].parameters) << expected[i].path;
    EXPECT_EQ(s.layers[i].macs, expected[i].macs) << expected[i].path;
  }
  EXPECT_EQ(s.parameters, 61'706);
  EXPECT_EQ(s.macs, 416'520);
}

// The figures torchvision gives with its weights, in thousand millions.
TEST(Summary, MultiplyAddsOfTheImageNetNetworks) {
  const std::pair<const char*, double> known[] = {
      {"resnet18", 1.814},
      {"resnet34", 3.664},
      {"resnet50", 4.089},
      {"resnet101", 7.801},
      {"resnet152", 11.514}};
  for (auto [name, giga] : known) {
    auto net = find(name).make({.classes = 1000, .input = {224, 224, 3}});
    EXPECT_NEAR(summarize(*net, {224, 224, 3}).macs / 1e9, giga, 0.001) << name;
  }
}

// The course's table of VGG16 (NET-05), from a list of layers: 138 M parameters, and 15,237,608
// values counting the picture and each convolution, pooling and linear layer once (E-60).
TEST(Summary, OfVgg16AsAListOfLayers) {
  std::vector<LayerSpec> layers;
  for (int out : {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0})
    layers.push_back(
        out ? LayerSpec{"conv", {{"out", std::to_string(out)}, {"act", "relu"}}}
            : LayerSpec{"max_pool", {}});
  layers.push_back({"flatten", {}});
  for (const char* out : {"4096", "4096", "1000"}) layers.push_back({"linear", {{"out", out}}});
  auto net = build({.name = "layers", .input = {224, 224, 3}, .classes = 1000, .layers = layers});
  Summary s = summarize(*net, {224, 224, 3});
  EXPECT_EQ(s.parameters, 138'357'544);
  EXPECT_NEAR(s.macs / 1e9, 15.47, 0.005);
  int64_t values = 224 * 224 * 3;
  for (const LayerRow& row : s.layers)
    if (row.macs > 0 || row.op.starts_with("max_pool")) values += row.values;
  EXPECT_EQ(values, 15'237'608);
}

}  // namespace
}  // namespace fovea::models
