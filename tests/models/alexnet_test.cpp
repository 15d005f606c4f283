// AlexNet and ZFNet layer by layer.
#include <gtest/gtest.h>

#include "fovea/models/registry.h"

namespace fovea::models {
namespace {

struct Layer {
  const char* path;
  const char* output;
};

void expect_outputs(nn::Module& net, const Shape& input, std::span<const Layer> layers) {
  nn::Ctx ctx;
  for (const Layer& l : layers) ctx.wanted_taps.emplace_back(l.path);
  nn::forward(net, nn::shaped({1, input[0], input[1], input[2]}), ctx);
  for (const Layer& l : layers) EXPECT_EQ(ctx.taps.at(l.path).shape().str(), l.output) << l.path;
}

// NET-02, NET-03, E-42, AC-30.
TEST(AlexNet, HasTheLayersOfThePaper) {
  auto net = find("alexnet_paper").make({.classes = 1000, .input = {227, 227, 3}});
  const Layer layers[] = {
      {"conv1", "(1, 55, 55, 96)"},
      {"norm1", "(1, 55, 55, 96)"},
      {"pool1", "(1, 27, 27, 96)"},
      {"conv2", "(1, 27, 27, 256)"},
      {"pool2", "(1, 13, 13, 256)"},
      {"conv3", "(1, 13, 13, 384)"},
      {"conv4", "(1, 13, 13, 384)"},
      {"conv5", "(1, 13, 13, 256)"},
      {"pool5", "(1, 6, 6, 256)"},
      {"fc6", "(1, 4096)"},
      {"fc7", "(1, 4096)"},
      {"fc8", "(1, 1000)"}};
  expect_outputs(*net, {227, 227, 3}, layers);
  Tree params = nn::parameters(*net);
  EXPECT_EQ(params.at("conv1.weight").numel(), 34'848);
  // Each weight of the convolutions in two groups stands for two without groups (AC-31).
  int64_t ungrouped = numel_of(params);
  for (const char* conv : {"conv2.weight", "conv4.weight", "conv5.weight"})
    ungrouped += params.at(conv).numel();
  EXPECT_EQ(ungrouped, 62'378'344);
}

// Zeiler and Fergus 2014, figure 3.
TEST(ZfNet, HasTheLayersOfThePaper) {
  auto net = find("zfnet").make({.classes = 1000, .input = {224, 224, 3}});
  const Layer layers[] = {
      {"conv1", "(1, 110, 110, 96)"},
      {"pool1", "(1, 55, 55, 96)"},
      {"conv2", "(1, 26, 26, 256)"},
      {"pool2", "(1, 13, 13, 256)"},
      {"conv5", "(1, 13, 13, 256)"},
      {"pool5", "(1, 6, 6, 256)"}};
  expect_outputs(*net, {224, 224, 3}, layers);
}

}  // namespace
}  // namespace fovea::models
