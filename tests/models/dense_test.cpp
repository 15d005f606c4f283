#include "fovea/models/dense.h"

#include <map>

#include <gtest/gtest.h>

#include "fovea/models/frozen.h"
#include "fovea/models/layers.h"
#include "fovea/models/registry.h"
#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/conv.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/norm.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::models {
namespace {

using test::message_of;
using test::random_input;

Tensor run(const nn::Module& net, const Tensor& x) {
  nn::Ctx ctx;
  return nn::forward(net, x, ctx);
}

Tensor crop(const Tensor& x, int64_t top, int64_t left, int64_t height, int64_t width) {
  return slice(x, {{}, {top, top + height}, {left, left + width}});
}

// Two convolutions without padding, the first pooled: 14 x 14 -> 4 x 4 maps, every second pixel.
std::vector<LayerSpec> unpadded(std::vector<LayerSpec> head) {
  std::vector<LayerSpec> layers{
      {"conv", {{"out", "5"}, {"kernel", "3"}, {"pad", "0"}, {"act", "relu"}}},
      {"max_pool", {}},
      {"conv", {{"out", "6"}, {"kernel", "3"}, {"pad", "0"}, {"norm", "batch"}, {"act", "relu"}}}};
  layers.insert(layers.end(), head.begin(), head.end());
  return layers;
}

const std::vector<LayerSpec> two_linear{
    {"flatten", {}},
    {"dropout", {}},
    {"linear", {{"out", "7"}, {"act", "relu"}}},
    {"linear", {{"out", "4"}}}};
const std::vector<LayerSpec> pooled{{"global_pool", {}}, {"linear", {{"out", "4"}}}};

std::unique_ptr<nn::Module> made(const std::vector<LayerSpec>& layers, const Shape& input) {
  auto net = build_layers(layers, input);
  nn::initialize(*net, Key(3));
  return net;
}

// LAY-41: a network trained at 14 x 14 and run at 16 x 16 gives its four crops with stride 2.
TEST(Dense, APictureLargerByTheStrideGivesFourCrops) {
  const Shape input{14, 14, 3};
  for (const auto& head : {two_linear, pooled}) {
    auto plain = made(unpadded(head), input);
    const Dense dense(made(unpadded(head), input), input);
    const Tensor x = random_input({2, 16, 16, 3}, 5);
    const Tensor map = run(dense, x);
    ASSERT_EQ(map.shape(), (Shape{2, 2, 2, 4}));
    for (int64_t i : {0, 1})
      for (int64_t j : {0, 1}) {
        Tensor expected = run(*plain, crop(x, 2 * i, 2 * j, 14, 14));
        Tensor got = reshape(crop(map, i, j, 1, 1), {2, 4});
        EXPECT_LE(test::relative_error(got, expected), 1e-5) << i << j;
      }
    EXPECT_EQ(run(dense, random_input({1, 14, 20, 3}, 1)).shape(), (Shape{1, 1, 4, 4}));
  }
}

// The form of AlexNet and VGG: padding, a pooling that changes nothing, two linear layers.
std::unique_ptr<nn::Sequential> vgg_like(int64_t pooled_to = 4) {
  auto features = std::make_unique<nn::Sequential>();
  features->add(std::make_unique<nn::Conv2d>(nn::same_conv(3, 5, 3)));
  features->add(std::make_unique<nn::Activation>("relu"));
  features->add(std::make_unique<nn::MaxPool2d>(Pool2dOptions{.kernel = {2, 2}}));
  auto classifier = std::make_unique<nn::Sequential>();
  classifier->add(
      std::make_unique<nn::Linear>(nn::Linear::Options{.in = 5 * pooled_to * pooled_to, .out = 9}));
  classifier->add(std::make_unique<nn::Activation>("relu"));
  classifier->add(std::make_unique<nn::Dropout>(nn::Dropout::Options{.rate = 0.5}));
  classifier->add(
      std::make_unique<nn::Linear>(nn::Linear::Options{.in = 9, .out = 4, .bias = false}));
  auto net = std::make_unique<nn::Sequential>();
  net->add("features", std::move(features));
  net->emplace<nn::AdaptiveAvgPool2d>("avgpool", pooled_to, pooled_to);
  net->emplace<nn::Flatten>("flatten");
  net->add("classifier", std::move(classifier));
  nn::initialize(*net, Key(4));
  return net;
}

// With padding, each position is the classifier on a window of the larger picture's own maps.
TEST(Dense, LinearLayersSlideOverTheMaps) {
  const Dense dense(vgg_like(), {8, 8, 3});
  const Tensor x = random_input({2, 12, 10, 3}, 6);
  nn::Ctx ctx;
  ctx.wanted_taps = {"features"};
  const Tensor map = nn::forward(dense, x, ctx);
  ASSERT_EQ(map.shape(), (Shape{2, 3, 2, 4}));
  const Tensor features = ctx.taps.at("features");
  ASSERT_EQ(features.shape(), (Shape{2, 6, 5, 5}));

  nn::Sequential head;
  head.emplace<nn::Flatten>("flatten");
  auto whole = vgg_like();
  Tree weights;
  for (const auto& [name, t] : nn::parameters(*whole))
    if (name.starts_with("classifier.")) weights[name.substr(11)] = t;
  head.emplace<nn::Linear>("0", nn::Linear::Options{.in = 80, .out = 9});
  head.emplace<nn::Activation>("1", "relu");
  head.emplace<nn::Linear>("3", nn::Linear::Options{.in = 9, .out = 4, .bias = false});
  nn::assign(head, weights);
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 2; ++j)
      EXPECT_LE(
          test::relative_error(
              reshape(crop(map, i, j, 1, 1), {2, 4}), run(head, crop(features, i, j, 4, 4))),
          1e-5);
}

TEST(Dense, IsThePlainNetworkAtItsOwnSize) {
  const std::map<std::string, Shape> networks{
      {"resnet20", {32, 32, 3}}, {"lenet5", {28, 28, 1}}, {"convnet", {32, 32, 3}}};
  for (const auto& [name, input] : networks) {
    Model m;
    m.architecture = {.name = name, .input = input, .classes = 10};
    m.net = build(m.architecture);
    nn::initialize(*m.net, Key(1));
    const Tensor x = random_input({1, input[0], input[1], input[2]}, 7);
    const Tensor expected = run(*m.net, x).eval();
    const Tree before = nn::parameters(*m.net);
    Model dense = make_dense(std::move(m));
    EXPECT_EQ(nn::parameters(*dense.net).size(), before.size());
    EXPECT_LE(test::relative_error(reshape(run(*dense.net, x), {1, 10}), expected), 1e-5) << name;
    const Tensor larger = random_input({1, input[0] + 8, input[1] + 4, input[2]}, 8);
    EXPECT_LE(
        test::relative_error(
            FrozenModel(dense).plan(larger.shape()).run(larger), run(*dense.net, larger)),
        1e-5)
        << name;
  }
}

// Shapes only: nothing of these is computed.
TEST(Dense, TheNetworksOfTheTableSlide) {
  const std::map<std::string, Shape> maps{
      {"alexnet", {1, 3, 3, 1000}},
      {"vgg16", {1, 3, 3, 1000}},
      {"resnet50", {1, 3, 3, 1000}},
      {"squeezenet1_1", {1, 5, 5, 1000}},
      {"convnext_tiny", {1, 3, 3, 1000}},
      {"inception_v3", {1, 3, 3, 1000}},
      {"densenet121", {1, 3, 3, 1000}}};
  for (const auto& [name, expected] : maps) {
    const Entry& e = find(name);
    const Dense dense(e.make({.classes = 1000, .input = e.input}), e.input);
    const Shape larger{1, e.input[0] + 64, e.input[1] + 64, 3};
    EXPECT_EQ(run(dense, nn::shaped(larger)).shape(), expected) << name;
  }
}

TEST(Dense, WhatCannotSlideSaysWhy) {
  auto message = [](std::unique_ptr<nn::Module> net, const Shape& input) {
    return message_of([&] { Dense dense(std::move(net), input); });
  };
  EXPECT_HAS(
      message(vgg_like(), {12, 12, 3}),
      "in avgpool: [dense] avgpool makes 4 x 4 maps of 6 x 6: its windows are not alike");
  EXPECT_HAS(
      message(
          made(unpadded({{"flatten", {}}, {"norm", {}}, {"linear", {{"out", "4"}}}}), {14, 14, 3}),
          {14, 14, 3}),
      "4 stands between a Flatten of 4 x 4 maps and a linear layer");
  EXPECT_HAS(
      message(made({{"conv", {{"out", "3"}}}, {"flatten", {}}}, {4, 4, 3}), {4, 4, 3}),
      "expected a map of scores (N, 1, 1, classes) at the trained input, got (1, 4, 4, 3)");
  const Dense dense(vgg_like(), {8, 8, 3});
  EXPECT_HAS(
      message_of([&] {
        run(dense, random_input({1, 8, 7, 3}, 1));
      }),
      "expected pictures of at least 8 x 8, the size the network was trained at");
}

}  // namespace
}  // namespace fovea::models
