#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/conv.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/fractional_pool.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "tests/nn/layers.h"

namespace fovea::nn {
namespace {

using test::message_of;
using test::random_input;

TEST(Linear, IsXWTransposedPlusB) {
  Linear layer({.in = 3, .out = 2});
  assign(
      layer,
      {{"weight", Tensor::from({1.f, 2.f, 3.f, -1.f, 0.f, 1.f}, {2, 3})},
       {"bias", Tensor::from({10.f, 20.f}, {2})}});
  EXPECT_EQ(
      run(layer, Tensor::from({1.f, 1.f, 2.f}, {1, 3})).to_vector(), (std::vector<float>{19, 21}));
  EXPECT_EQ(names_of(parameters(layer)), (Names{"bias", "weight"}));
}

TEST(Linear, GradientsWithAndWithoutBiasAndLeadingAxes) {
  Linear plain({.in = 5, .out = 3, .bias = false}), full({.in = 5, .out = 3});
  check_layer(plain, {.name = "no bias", .x = random_input({4, 5}, 1)});
  check_layer(full, {.name = "three axes", .x = random_input({2, 3, 5}, 2)});
  EXPECT_EQ(count_parameters(plain), 15);
  EXPECT_EQ(count_parameters(full), 18);
}

TEST(Linear, SaysWhatItExpected) {
  Linear layer({.in = 5, .out = 3});
  EXPECT_HAS(
      message_of([&] {
        run(layer, random_input({2, 4, 4, 5 * 2}, 1));
      }),
      "[Linear] expected 5 features on the last axis, got shape (2, 4, 4, 10); put a "
      "Flatten");
  EXPECT_HAS(message_of([] { Linear({.in = 0, .out = 3}); }), "got 0 and 3");
}

TEST(Conv2d, GradientsWithStridePaddingDilationAndGroups) {
  Conv2d same(same_conv(3, 4, 3));
  check_layer(same, {.name = "same", .x = random_input({2, 5, 4, 3}, 1)});
  Conv2d odd(
      {.in = 4,
       .out = 6,
       .kernel = {3, 2},
       .conv = {.stride = {2, 1}, .pad = {1, 0, 2, 1}, .dilation = {1, 2}, .groups = 2},
       .bias = false});
  check_layer(odd, {.name = "odd", .x = random_input({2, 7, 6, 4}, 2)});
  EXPECT_EQ(parameters(odd).at("weight").shape().str(), "(6, 3, 2, 2)");
}

TEST(Conv2d, SameKeepsTheSizeAtStrideOne) {
  for (int64_t kernel : {1, 3, 5, 7}) {
    Conv2d layer(same_conv(2, 3, kernel));
    EXPECT_EQ(run(layer, random_input({1, 9, 8, 2}, 1)).shape().str(), "(1, 9, 8, 3)");
  }
}

TEST(Conv2d, GuessesTheMistake) {
  Conv2d layer(same_conv(3, 4, 3));
  auto message = [&](const Shape& shape) {
    return message_of([&] { run(layer, random_input(shape, 1)); });
  };
  EXPECT_HAS(
      message({1, 8, 8, 1}),
      "[Conv2d] expected (N, H, W, 3), got shape "
      "(1, 8, 8, 1); convert the grey images to RGB");
  EXPECT_HAS(message({1, 8, 8, 4}), "drop the alpha channel");
  EXPECT_HAS(message({1, 3, 8, 8}), "looks like (N, C, H, W)");
  EXPECT_HAS(
      message_of([] { Conv2d({.in = 3, .out = 4, .conv = {.groups = 2}}); }),
      "[Conv2d] expected in and out channels divisible by groups");
}

// (H - 1) stride - 2 pad + dilation (kernel - 1) + output_pad + 1.
TEST(ConvTranspose2d, OutputSizeFollowsTheFormula) {
  for (int stride : {1, 2, 3})
    for (int pad : {0, 1})
      for (int dilation : {1, 2})
        for (int extra = 0; extra < stride; ++extra) {
          ConvTranspose2d layer(
              {.in = 2,
               .out = 3,
               .kernel = {3, 4},
               .conv =
                   {.stride = {stride, stride},
                    .pad = {pad, pad, pad, pad},
                    .dilation = {dilation, dilation}},
               .output_pad = {extra, extra}});
          auto size = [&](int64_t in, int64_t kernel) {
            return (in - 1) * stride - 2 * pad + dilation * (kernel - 1) + extra + 1;
          };
          Tensor y = run(layer, random_input({1, 4, 5, 2}, 1));
          EXPECT_EQ(y.shape().str(), Shape({1, size(4, 3), size(5, 4), 3}).str())
              << stride << " " << pad << " " << dilation << " " << extra;
        }
}

TEST(ConvTranspose2d, Gradients) {
  ConvTranspose2d layer(
      {.in = 4,
       .out = 2,
       .kernel = {3, 3},
       .conv = {.stride = {2, 2}, .pad = {1, 1, 1, 1}, .groups = 2},
       .output_pad = {1, 0}});
  check_layer(layer, {.name = "transposed", .x = random_input({2, 3, 4, 4}, 3)});
  EXPECT_EQ(parameters(layer).at("weight").shape().str(), "(4, 3, 3, 1)");
}

TEST(Pooling, LayersAreTheirOps) {
  Tensor x = random_input({1, 4, 4, 2}, 1);
  Pool2dOptions two{.kernel = {2, 2}};
  EXPECT_EQ(run(MaxPool2d(two), x).to_vector(), max_pool2d(x, two).to_vector());
  EXPECT_EQ(run(AvgPool2d(two), x).to_vector(), avg_pool2d(x, two).to_vector());
  EXPECT_EQ(run(GlobalAvgPool(), x).to_vector(), global_avg_pool(x).to_vector());
  EXPECT_EQ(run(AdaptiveMaxPool2d(3, 2), x).to_vector(), adaptive_max_pool2d(x, 3, 2).to_vector());
  EXPECT_EQ(run(AdaptiveAvgPool2d(3, 2), x).to_vector(), adaptive_avg_pool2d(x, 3, 2).to_vector());
}

// Channel by channel, so that a linear layer's weights mean the same as in PyTorch.
TEST(Flatten, LaysImagesOutChannelFirst) {
  Tensor x = Tensor::from({0.f, 10.f, 1.f, 11.f, 2.f, 12.f, 3.f, 13.f}, {1, 2, 2, 2});
  Tensor y = run(Flatten(), x);
  EXPECT_EQ(y.shape().str(), "(1, 8)");
  EXPECT_EQ(y.to_vector(), (std::vector<float>{0, 1, 2, 3, 10, 11, 12, 13}));
  EXPECT_EQ(run(Flatten(), random_input({3, 1, 1, 4}, 1)).shape().str(), "(3, 4)");
  EXPECT_EQ(run(Flatten(), random_input({3, 2, 5}, 1)).shape().str(), "(3, 10)");
}

TEST(Activation, EveryNameIsItsFormula) {
  std::map<std::string, double (*)(double)> formulas{
      {"relu", [](double v) { return std::max(v, 0.0); }},
      {"leaky_relu", [](double v) { return v > 0 ? v : 0.01 * v; }},
      {"elu", [](double v) { return v > 0 ? v : std::expm1(v); }},
      {"gelu", [](double v) { return v * 0.5 * std::erfc(-v / std::sqrt(2.0)); }},
      {"silu", [](double v) { return v / (1 + std::exp(-v)); }},
      {"softplus", [](double v) { return std::log1p(std::exp(v)); }},
      {"sigmoid", [](double v) { return 1 / (1 + std::exp(-v)); }},
      {"tanh", [](double v) { return std::tanh(v); }},
      {"hard_sigmoid", [](double v) { return std::clamp(v / 6 + 0.5, 0.0, 1.0); }},
      {"hard_swish", [](double v) { return v * std::clamp(v / 6 + 0.5, 0.0, 1.0); }},
      {"relu6", [](double v) { return std::clamp(v, 0.0, 6.0); }},
      {"softmax", nullptr},
      {"identity", [](double v) { return v; }},
  };
  std::vector<float> values;
  for (int i = 0; i < 30; ++i) values.push_back(float(-4 + 0.37 * (i + 0.5)));  // off the kinks
  Tensor x = Tensor::from(values, {5, 6});
  for (const std::string& name : activation_names()) {
    ASSERT_TRUE(formulas.contains(name)) << name;
    Activation layer(name);
    check_layer(layer, {.name = name, .x = x});
    if (!formulas[name]) continue;
    std::vector<float> y = run(layer, x).to_vector();
    for (size_t i = 0; i < y.size(); ++i)
      EXPECT_NEAR(y[i], formulas[name](double(values[i])), 2e-6) << name << " at " << values[i];
  }
}

TEST(Activation, SoftmaxSumsToOneAndAlphaIsTheSlope) {
  std::vector<float> p = run(Activation("softmax"), random_input({3, 5}, 1, -3, 3)).to_vector();
  for (size_t r = 0; r < 3; ++r) {
    double sum = 0;
    for (size_t c = 0; c < 5; ++c) sum += double(p[r * 5 + c]);
    EXPECT_NEAR(sum, 1, 1e-6);
  }
  Tensor x = Tensor::from({-2.f, 3.f}, {2});
  EXPECT_EQ(run(Activation("leaky_relu", 0.25), x).to_vector(), (std::vector<float>{-0.5, 3}));
}

TEST(Activation, UnknownNameListsAllAndTheNearest) {
  std::string message = message_of([] { Activation("rellu"); });
  EXPECT_HAS(message, "unknown activation \"rellu\"; did you mean \"relu\"?");
  EXPECT_HAS(message, "hard_swish");
}

TEST(PRelu, LearnsOneSlopePerChannelOrOneForAll) {
  PRelu each(3), all;
  check_layer(each, {.name = "each", .x = random_input({4, 3}, 1)});
  check_layer(all, {.name = "all", .x = random_input({4, 3}, 2)});
  PRelu fresh(2);
  initialize(fresh, Key(1));
  EXPECT_EQ(parameters(fresh).at("weight").to_vector(), (std::vector<float>{0.25, 0.25}));
}

TEST(Maxout, TakesTheLargestOfTheGroups) {
  Tensor x = Tensor::from({1.f, 8.f, 3.f, 4.f, 5.f, 6.f}, {1, 6});  // 3 pieces of 2 channels
  EXPECT_EQ(run(Maxout(3), x).to_vector(), (std::vector<float>{5, 8}));
  Maxout two(2);
  check_layer(two, {.name = "maxout", .x = test::distinct_input({2, 3, 4}, 3)});
  EXPECT_HAS(
      message_of([&] { run(Maxout(4), x); }),
      "[maxout] expected a last axis divisible by 4 pieces");
}

// E-12: the kept elements are divided by the share that is kept, which differs from the share that
// is dropped everywhere but at one half.
TEST(Dropout, DividesByTheShareThatIsKept) {
  Dropout layer({.rate = 0.2});
  Tensor x = Tensor::from(std::vector<float>(20000, 1.f), {200, 100});
  std::vector<float> y = run(layer, x, true).to_vector();
  double mean = 0, dropped = 0;
  for (float v : y) {
    EXPECT_TRUE(v == 0.f || v == 1.f / 0.8f) << v;
    mean += double(v) / double(y.size());
    dropped += double(v == 0.f) / double(y.size());
  }
  EXPECT_NEAR(dropped, 0.2, 0.012);  // four standard deviations
  EXPECT_NEAR(mean, 1, 0.015);
  EXPECT_EQ(run(layer, x, false).to_vector(), x.to_vector());
}

// E-12: what is kept, not what is dropped, scales the test; at a rate of 1/2 nobody could tell.
TEST(Dropout, VanillaScalesByTheShareThatIsKeptAtTestTime) {
  Dropout layer({.rate = 0.2, .inverted = false});
  Tensor x = Tensor::from(std::vector<float>(20000, 1.f), {200, 100});
  double mean = 0;
  for (float v : run(layer, x, true).to_vector()) {
    ASSERT_TRUE(v == 0.f || std::abs(v - 1) < 1e-6) << v;
    mean += double(v) / 2e4;
  }
  EXPECT_NEAR(mean, 0.8, 0.012);  // four standard deviations
  for (float v : run(layer, x, false).to_vector()) ASSERT_EQ(v, 0.8f);
  for (bool training : {false, true})
    check_layer(layer, {.name = "vanilla", .x = random_input({6, 7}, 1), .training = training});
}

// REG-08: over many masks the mean of a linear network is its output without dropout.
TEST(Dropout, SamplingDrawsWhileNormsStayAtInference) {
  Sequential net;
  net.add(std::make_unique<BatchNorm>(BatchNorm::Options{.channels = 6}));
  net.add(std::make_unique<Dropout>(Dropout::Options{.rate = 0.3}));
  net.add(std::make_unique<Linear>(Linear::Options{.in = 6, .out = 2}));
  initialize(net, Key(1));
  const Tensor x = random_input({1, 6}, 2);
  const std::vector<float> expected = run(net, x).to_vector();
  std::vector<double> mean(2, 0), squares(2, 0);
  const int draws = 4000;
  for (int i = 0; i < draws; ++i) {
    Ctx ctx;
    ctx.sampling = true;
    ctx.key = Key(uint64_t(i));
    const auto y = forward(net, x, ctx).to_vector();
    EXPECT_TRUE(ctx.has_drawn());
    EXPECT_TRUE(ctx.updates.empty());
    for (size_t k = 0; k < 2; ++k) {
      mean[k] += y[k] / draws;
      squares[k] += double(y[k]) * y[k] / draws;
    }
  }
  for (size_t k = 0; k < 2; ++k) {
    const double std = std::sqrt((squares[k] - mean[k] * mean[k]) / draws);
    EXPECT_GT(std, 0);
    EXPECT_NEAR(mean[k], expected[k], 4 * std);
  }
  Ctx plain;
  forward(net, x, plain);
  EXPECT_FALSE(plain.has_drawn());
}

TEST(FractionalMaxPool2d, DrawsInTrainingAndStaysAtTestTime) {
  FractionalMaxPool2d layer({.ratio = 1.5});
  const Tensor x = random_input({2, 13, 10, 3}, 1);
  EXPECT_EQ(run(layer, x).shape(), (Shape{2, 8, 6, 3}));
  EXPECT_EQ(run(layer, x).to_vector(), run(layer, x).to_vector());
  auto drawn = [&](uint64_t key) {
    Ctx ctx;
    ctx.training = true;
    ctx.key = Key(key);
    return layer.forward(x, ctx).to_vector();
  };
  EXPECT_EQ(drawn(1), drawn(1));
  std::set<std::vector<float>> seen;
  for (uint64_t key = 0; key < 60; ++key) seen.insert(drawn(key));
  EXPECT_EQ(seen.size(), 4u);  // steps of 1.5 pixels begin with a short or a long one, each way
  EXPECT_HAS(
      message_of([] { FractionalMaxPool2d({.ratio = 1}); }),
      "[FractionalMaxPool2d] expected a ratio above 1, got 1");
}

TEST(Dropout, DropsWholeChannelsWhereAsked) {
  Dropout layer({.rate = 0.3, .channels = true});
  Tensor x = Tensor::from(std::vector<float>(16 * 9 * 8, 1.f), {16, 3, 3, 8});
  std::vector<float> y = run(layer, x, true).to_vector();
  size_t dropped = 0;
  for (size_t n = 0; n < 16; ++n)
    for (size_t c = 0; c < 8; ++c) {
      dropped += y[n * 72 + c] == 0;
      for (size_t p = 1; p < 9; ++p) EXPECT_EQ(y[n * 72 + p * 8 + c], y[n * 72 + c]);
    }
  EXPECT_GT(dropped, 20u);  // of 128, 38 expected
  EXPECT_LT(dropped, 58u);
}

TEST(Dropout, GradientUsesTheSameMask) {
  Dropout layer({.rate = 0.4});
  check_layer(layer, {.name = "dropout", .x = random_input({6, 7}, 1), .training = true});
}

TEST(Dropout, MasksDifferByLayerAndByStep) {
  auto net = [] {
    Sequential s;
    s.emplace<Dropout>("a", Dropout::Options{.rate = 0.5});
    s.emplace<Dropout>("b", Dropout::Options{.rate = 0.5});
    return s;
  }();
  Tensor x = Tensor::from(std::vector<float>(4000, 1.f), {4000});
  auto kept = [&](uint64_t key) {
    Ctx ctx;
    ctx.training = true;
    ctx.key = Key(key);
    std::vector<float> y = forward(net, x, ctx).to_vector();
    return std::count_if(y.begin(), y.end(), [](float v) { return v != 0; });
  };
  EXPECT_NEAR(double(kept(1)), 1000, 120);  // one half of one half: the masks are independent
  EXPECT_NE(kept(1), kept(2));
  EXPECT_EQ(kept(1), kept(1));
}

TEST(Dropout, RefusesARateOutOfRange) {
  EXPECT_HAS(message_of([] { Dropout({.rate = 1}); }), "[Dropout] expected a rate in [0, 1)");
}

TEST(Sequential, RunsInOrderAndNamesItsChildren) {
  Sequential net;
  net.add(std::make_unique<Linear>(Linear::Options{.in = 2, .out = 3}));
  net.add("act", std::make_unique<Activation>("relu"));
  net.add(std::make_unique<Linear>(Linear::Options{.in = 3, .out = 1}));
  EXPECT_EQ(net.size(), 3u);
  EXPECT_EQ(names_of(parameters(net)), (Names{"0.bias", "0.weight", "2.bias", "2.weight"}));
  check_layer(net, {.name = "mlp", .x = random_input({3, 2}, 1, 0.3, 1)});
  EXPECT_HAS(
      message_of([&] { net.add("act", std::make_unique<Activation>("tanh")); }),
      "two children are named \"act\"");
}

TEST(Residual, IsTheIdentityWithAZeroBody) {
  Conv2d::Options zero = same_conv(3, 3, 3);
  zero.init = constant(0);
  Residual block(std::make_unique<Conv2d>(zero));
  initialize(block, Key(1));
  Tensor x = random_input({2, 4, 4, 3}, 1);
  EXPECT_EQ(run(block, x).to_vector(), x.to_vector());
  EXPECT_EQ(names_of(parameters(block)), (Names{"body.bias", "body.weight"}));
}

TEST(Residual, AddsTheShortcut) {
  Residual block(
      std::make_unique<Conv2d>(same_conv(2, 4, 3, 2)),
      std::make_unique<Conv2d>(same_conv(2, 4, 1, 2)));
  check_layer(block, {.name = "projection", .x = random_input({1, 4, 4, 2}, 1)});
  Residual wrong(std::make_unique<Conv2d>(same_conv(2, 4, 3)));
  EXPECT_HAS(
      message_of([&] {
        run(wrong, random_input({1, 4, 4, 2}, 1));
      }),
      "[Residual] expected the body to keep the shape of the shortcut (1, 4, 4, 2), got "
      "(1, 4, 4, 4); give it a shortcut");
}

TEST(AuxiliaryHead, PassesItsInputOnAndScoresItInTraining) {
  auto linear = std::make_unique<Linear>(Linear::Options{.in = 4, .out = 3});
  initialize(*linear, Key(1));
  Tensor x = random_input({2, 4}, 1);
  const std::vector<float> expected = run(*linear, x).to_vector();
  AuxiliaryHead head(std::move(linear), 0.25);
  EXPECT_EQ(names_of(parameters(head)), (Names{"bias", "weight"}));
  Ctx ctx;
  EXPECT_EQ(forward(head, x, ctx).to_vector(), x.to_vector());
  EXPECT_TRUE(ctx.auxiliary.empty());
  ctx.training = true;
  EXPECT_EQ(forward(head, x, ctx).to_vector(), x.to_vector());
  ASSERT_EQ(ctx.auxiliary.size(), 1u);
  EXPECT_EQ(ctx.auxiliary[0].scores.to_vector(), expected);
  EXPECT_EQ(ctx.auxiliary[0].weight, 0.25);
}

}  // namespace
}  // namespace fovea::nn
