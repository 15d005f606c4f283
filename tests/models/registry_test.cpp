#include "fovea/models/registry.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/models/architecture.h"
#include "fovea/models/summary.h"
#include "fovea/nn/grad.h"
#include "fovea/ops/loss.h"
#include "fovea/ops/reduce.h"
#include "tests/models/siblings.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::models {
namespace {

using test::message_of;
using test::random_input;

// Parameters for the data a model was designed for: LeNet-5 as in the 1998 paper's C5 and F6, the
// ImageNet networks as torchvision counts them (MobileNet v1, Inception v4 and Inception-ResNet as
// timm does, ESPNet as its authors' file), auxiliary heads included, the others by hand from their
// layers.
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
    {"vgg11", 132'863'336},
    {"vgg11_bn", 132'868'840},
    {"vgg13", 133'047'848},
    {"vgg13_bn", 133'053'736},
    {"vgg16", 138'357'544},
    {"vgg16_bn", 138'365'992},
    {"vgg19", 143'667'240},
    {"vgg19_bn", 143'678'248},
    {"squeezenet1_0", 1'248'424},
    {"squeezenet1_1", 1'235'496},
    {"mobilenet_v1", 4'231'976},
    {"mobilenet_v2", 3'504'872},
    {"resnet50_v1", 25'557'032},
    {"resnet101_v1", 44'549'160},
    {"resnet152_v1", 60'192'808},
    {"vgg16_c", 133'638'952},
    {"alexnet", 61'100'840},
    {"alexnet_paper", 60'965'224},
    {"zfnet", 62'357'608},
    {"nin", 7'595'176},
    {"nin_cifar", 966'986},
    {"googlenet", 13'004'888},
    {"googlenet_paper", 13'378'280},
    {"inception_v3", 27'161'264},
    {"inception_v4", 42'679'816},
    {"inception_resnet_v2", 55'843'464},
    {"highway", 136'660},
    {"highway_cifar", 412'202},
    {"all_cnn", 1'369'738},
    {"fitnet1", 251'194},
    {"fitnet4", 2'548'602},
    {"wide_resnet50_2", 68'883'240},
    {"wide_resnet101_2", 126'886'696},
    {"resnext50_32x4d", 25'028'904},
    {"resnext101_32x8d", 88'791'336},
    {"resnet110", 1'727'962},
    {"resnet110_sd", 1'727'962},
    {"preact_resnet20", 269'722},
    {"preact_resnet56", 853'018},
    {"preact_resnet110", 1'727'962},
    {"preact_resnet18", 11'687'720},
    {"wrn16_4", 2'748'890},
    {"wrn28_10", 36'479'194},
    {"wrn28_10_dropout", 36'479'194},
    {"fractalnet", 33'724'618},
    {"fractalnet40", 4'767'210},
    {"densenet121", 7'978'856},
    {"densenet161", 28'681'000},
    {"densenet169", 14'149'480},
    {"densenet201", 20'013'928},
    {"densenet_bc100_12", 769'162},
    {"mobilenet_v3_large", 5'483'032},
    {"mobilenet_v3_small", 2'542'856},
    {"efficientnet_b0", 5'288'548},
    {"convnext_tiny", 28'589'128},
    {"espnet", 354'517},
};

class EveryModel : public testing::TestWithParam<std::string_view> {
 protected:
  const Entry& entry() const { return find(GetParam()); }
  // Of 7 classes for n pictures.
  Shape scores_of(int64_t n, const Shape& input) const {
    return gives_maps(GetParam()) ? Shape{n, input[0], input[1], 7} : Shape{n, 7};
  }
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
  EXPECT_EQ(scores.shape(), scores_of(3, entry().input));
}

TEST_P(EveryModel, TakesGreyPictures) {
  const Shape grey{entry().input[0], entry().input[1], 1};
  auto net = build({.name = std::string(GetParam()), .input = grey, .classes = 7});
  nn::Ctx ctx;
  Tensor scores = nn::forward(*net, nn::shaped({2, grey[0], grey[1], 1}), ctx);
  EXPECT_EQ(scores.shape(), scores_of(2, grey));
}

// Small pictures, but large enough for batch norm to see several pixels in the last stage.
TEST_P(EveryModel, EveryParameterGetsAGradient) {
  if (is_another_vgg(GetParam())) GTEST_SKIP() << "large, and made of the layers of vgg11_bn";
  if (is_large_sibling(GetParam())) GTEST_SKIP() << "large, and made of a sibling's layers";
  const Shape input = small_input(entry());
  auto net = build({.name = std::string(GetParam()), .input = input, .classes = 5});
  nn::initialize(*net, Key(1));
  Tensor x = random_input({3, input[0], input[1], input[2]}, 1);
  Tensor labels = test::int_input({3}, 2, 0, 5);
  // A step may drop whole branches; those get their gradient in another.
  std::set<std::string> still;
  for (const auto& [name, t] : nn::parameters(*net)) still.insert(name);
  for (uint64_t step = 0; step < 8 && !still.empty(); ++step) {
    nn::Ctx ctx;
    ctx.training = true;
    ctx.key = Key(step);
    nn::LossAndGrad r = nn::value_and_grad(*net, ctx, [&](nn::Ctx& c) {
      return nn::total_loss(nn::forward(*net, x, c), c, [&](const Tensor& scores) {
        return cross_entropy(scores.rank() == 4 ? mean(scores, {1, 2}) : scores, labels);
      });
    });
    std::vector<Tensor> all = values_of(r.grads);
    all.push_back(r.loss);
    eval(all);
    EXPECT_TRUE(std::isfinite(r.loss.item<double>()));
    for (const auto& [name, g] : r.grads) {
      double largest = 0;
      for (float v : g.data<float>()) largest = std::max(largest, double(std::abs(v)));
      EXPECT_TRUE(std::isfinite(largest)) << name;
      if (largest > 0) still.erase(name);
    }
    if (!drops_branches(GetParam())) break;
  }
  EXPECT_EQ(still, std::set<std::string>{});
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

// The figures torchvision gives with its weights, in thousand millions, and those of papers:
// MobileNet's, He et al. 2016, table 1 (NET-13), GoogLeNet's (NET-09).
TEST(Summary, MultiplyAddsOfTheImageNetNetworks) {
  const std::pair<const char*, double> known[] = {
      {"resnet18", 1.814},
      {"resnet34", 3.664},
      {"resnet50", 4.089},
      {"resnet101", 7.801},
      {"resnet152", 11.514},
      {"vgg11", 7.609},
      {"vgg13", 11.308},
      {"vgg16", 15.470},
      {"vgg19", 19.632},
      {"vgg19_bn", 19.632},
      {"squeezenet1_0", 0.819},
      {"squeezenet1_1", 0.349},
      {"mobilenet_v1", 0.569},
      {"mobilenet_v2", 0.301},
      {"resnet50_v1", 3.858},
      {"resnet101_v1", 7.570},
      {"resnet152_v1", 11.282},
      {"alexnet", 0.714},
      {"googlenet", 1.498},
      {"googlenet_paper", 1.582},
      {"inception_v3", 5.713},
      {"wide_resnet50_2", 11.398},
      {"wide_resnet101_2", 22.753},
      {"resnext50_32x4d", 4.230},
      {"resnext101_32x8d", 16.414},
      {"densenet121", 2.834},
      {"densenet161", 7.728},
      {"densenet169", 3.360},
      {"densenet201", 4.291},
      {"mobilenet_v3_large", 0.217},
      {"mobilenet_v3_small", 0.057},
      {"efficientnet_b0", 0.386},
      {"convnext_tiny", 4.456}};
  for (auto [name, giga] : known) {
    const Shape& input = find(name).input;
    auto net = find(name).make({.classes = 1000, .input = input});
    EXPECT_NEAR(summarize(*net, input).macs / 1e9, giga, 0.001) << name;
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

// The same table row by row (NET-05) from the network of the table: weights without biases
// 138,344,128, of which 14,710,464 convolve (NET-38), in the order and with the names of
// torchvision.
TEST(Summary, OfVgg16) {
  auto net = find("vgg16").make({.classes = 1000, .input = {224, 224, 3}});
  const std::pair<const char*, int64_t> expected[] = {
      {"features.0", 1'728},
      {"features.2", 36'864},
      {"features.5", 73'728},
      {"features.7", 147'456},
      {"features.10", 294'912},
      {"features.12", 589'824},
      {"features.14", 589'824},
      {"features.17", 1'179'648},
      {"features.19", 2'359'296},
      {"features.21", 2'359'296},
      {"features.24", 2'359'296},
      {"features.26", 2'359'296},
      {"features.28", 2'359'296},
      {"classifier.0", 102'760'448},
      {"classifier.3", 16'777'216},
      {"classifier.6", 4'096'000}};
  Tree params = nn::parameters(*net);
  EXPECT_EQ(params.size(), 2 * std::size(expected));
  for (const auto& [layer, weights] : expected)
    EXPECT_EQ(params.at(std::string(layer) + ".weight").numel(), weights) << layer;
}

// The course's weights of configurations A, B, C and E, without biases (NET-06, NET-07).
TEST(Summary, WeightsOfTheOtherVggs) {
  const std::pair<const char*, int64_t> known[] = {
      {"vgg11", 132'851'392},
      {"vgg13", 133'035'712},
      {"vgg16_c", 133'625'536},
      {"vgg19", 143'652'544}};
  for (const auto& [name, expected] : known) {
    auto net = find(name).make({.classes = 1000, .input = {224, 224, 3}});
    int64_t weights = 0;
    for (const auto& [key, t] : nn::parameters(*net))
      if (key.ends_with(".weight")) weights += t.numel();
    EXPECT_EQ(weights, expected) << name;
  }
}

// Names and shapes as torchvision's state_dict has them, where batch norm shifts the numbers.
TEST(Names, AreThoseOfTorchvision) {
  auto shapes_of = [](const char* name) {
    auto net = find(name).make({.classes = 1000, .input = {224, 224, 3}});
    std::map<std::string, std::string> shapes;
    for (const auto& [key, t] : nn::parameters(*net)) shapes[key] = t.shape().str();
    for (const auto& [key, t] : nn::state(*net)) shapes[key] = t.shape().str();
    return shapes;
  };
  auto vgg = shapes_of("vgg13_bn");
  EXPECT_EQ(vgg.at("features.3.weight"), "(64, 3, 3, 64)");
  EXPECT_EQ(vgg.at("features.7.weight"), "(128, 3, 3, 64)");
  EXPECT_EQ(vgg.at("features.32.running_var"), "(512)");
  EXPECT_EQ(vgg.at("classifier.6.bias"), "(1000)");
  auto squeeze = shapes_of("squeezenet1_0");
  EXPECT_EQ(squeeze.at("features.0.weight"), "(96, 7, 7, 3)");
  EXPECT_EQ(squeeze.at("features.5.squeeze.weight"), "(32, 1, 1, 128)");
  EXPECT_EQ(squeeze.at("features.12.expand3x3.weight"), "(256, 3, 3, 64)");
  EXPECT_EQ(squeeze.at("classifier.1.weight"), "(1000, 1, 1, 512)");
  auto v1 = shapes_of("mobilenet_v1");
  EXPECT_EQ(v1.at("blocks.3.5.conv_dw.weight"), "(512, 3, 3, 1)");
  EXPECT_EQ(v1.at("blocks.4.0.bn2.weight"), "(1024)");
  auto v2 = shapes_of("mobilenet_v2");
  EXPECT_EQ(v2.at("features.0.1.running_mean"), "(32)");
  EXPECT_EQ(v2.at("features.1.conv.0.0.weight"), "(32, 3, 3, 1)");
  EXPECT_EQ(v2.at("features.1.conv.1.weight"), "(16, 1, 1, 32)");
  EXPECT_EQ(v2.at("features.2.conv.1.0.weight"), "(96, 3, 3, 1)");
  EXPECT_EQ(v2.at("features.17.conv.3.weight"), "(320)");
  EXPECT_EQ(v2.at("features.18.0.weight"), "(1280, 1, 1, 320)");
  auto alexnet = shapes_of("alexnet");
  EXPECT_EQ(alexnet.at("features.3.weight"), "(192, 5, 5, 64)");
  EXPECT_EQ(alexnet.at("features.10.bias"), "(256)");
  EXPECT_EQ(alexnet.at("classifier.4.weight"), "(4096, 4096)");
  auto googlenet = shapes_of("googlenet");
  EXPECT_EQ(googlenet.at("inception3a.branch1.conv.weight"), "(64, 1, 1, 192)");
  EXPECT_EQ(googlenet.at("inception3a.branch3.1.conv.weight"), "(32, 3, 3, 16)");
  EXPECT_EQ(googlenet.at("inception5b.branch4.1.bn.running_var"), "(128)");
  EXPECT_EQ(googlenet.at("aux2.conv.conv.weight"), "(128, 1, 1, 528)");
  auto v3 = shapes_of("inception_v3");
  EXPECT_EQ(v3.at("Conv2d_4a_3x3.bn.weight"), "(192)");
  EXPECT_EQ(v3.at("Mixed_6b.branch7x7dbl_4.conv.weight"), "(128, 7, 1, 128)");
  EXPECT_EQ(v3.at("Mixed_7c.branch3x3dbl_3b.conv.weight"), "(384, 3, 1, 384)");
  EXPECT_EQ(v3.at("AuxLogits.conv1.conv.weight"), "(768, 5, 5, 128)");
  auto v4 = shapes_of("inception_v4");  // timm's, like the next
  EXPECT_EQ(v4.at("features.3.conv.conv.weight"), "(96, 3, 3, 64)");
  EXPECT_EQ(v4.at("features.4.branch1.3.conv.weight"), "(96, 3, 3, 64)");
  EXPECT_EQ(v4.at("features.21.branch2_3a.conv.weight"), "(256, 1, 3, 512)");
  EXPECT_EQ(v4.at("last_linear.weight"), "(1000, 1536)");
  auto residual = shapes_of("inception_resnet_v2");
  EXPECT_EQ(residual.at("repeat.9.conv2d.bias"), "(320)");
  EXPECT_EQ(residual.at("mixed_7a.branch2.2.conv.weight"), "(320, 3, 3, 288)");
  EXPECT_EQ(residual.at("block8.branch1.2.bn.weight"), "(256)");
  EXPECT_EQ(residual.at("classif.weight"), "(1000, 1536)");
  auto next = shapes_of("resnext50_32x4d");
  EXPECT_EQ(next.at("layer1.0.conv2.weight"), "(128, 3, 3, 4)");
  EXPECT_EQ(next.at("layer4.0.downsample.0.weight"), "(2048, 1, 1, 1024)");
  auto wide = shapes_of("wide_resnet50_2");
  EXPECT_EQ(wide.at("layer3.1.conv2.weight"), "(512, 3, 3, 512)");
  auto dense = shapes_of("densenet121");
  EXPECT_EQ(dense.at("features.conv0.weight"), "(64, 7, 7, 3)");
  EXPECT_EQ(dense.at("features.denseblock1.denselayer2.norm1.weight"), "(96)");
  EXPECT_EQ(dense.at("features.denseblock4.denselayer16.conv2.weight"), "(32, 3, 3, 128)");
  EXPECT_EQ(dense.at("features.transition3.conv.weight"), "(512, 1, 1, 1024)");
  EXPECT_EQ(dense.at("features.norm5.running_var"), "(1024)");
  auto mobile3 = shapes_of("mobilenet_v3_small");
  EXPECT_EQ(mobile3.at("features.1.block.1.fc1.weight"), "(8, 1, 1, 16)");
  EXPECT_EQ(mobile3.at("features.2.block.2.0.weight"), "(24, 1, 1, 72)");
  EXPECT_EQ(mobile3.at("features.12.1.weight"), "(576)");
  EXPECT_EQ(mobile3.at("classifier.3.weight"), "(1000, 1024)");
  auto efficient = shapes_of("efficientnet_b0");
  EXPECT_EQ(efficient.at("features.1.0.block.1.fc2.weight"), "(32, 1, 1, 8)");
  EXPECT_EQ(efficient.at("features.7.0.block.3.1.bias"), "(320)");
  EXPECT_EQ(efficient.at("classifier.1.weight"), "(1000, 1280)");
  auto convnext = shapes_of("convnext_tiny");
  EXPECT_EQ(convnext.at("features.1.0.layer_scale"), "(96, 1, 1)");
  EXPECT_EQ(convnext.at("features.2.1.weight"), "(192, 2, 2, 96)");
  EXPECT_EQ(convnext.at("features.7.2.block.5.weight"), "(768, 3072)");
  EXPECT_EQ(convnext.at("classifier.2.weight"), "(1000, 768)");
}

}  // namespace
}  // namespace fovea::models
