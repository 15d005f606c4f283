#include "fovea/nn/norm.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/ops/activation.h"
#include "tests/nn/layers.h"

namespace fovea::nn {
namespace {

using test::message_of;
using test::random_input;

TEST(BatchNorm, GradientsInTrainingAndEvaluation) {
  BatchNorm layer({.channels = 3});
  check_layer(layer, {.name = "train", .x = random_input({4, 3, 2, 3}, 1), .training = true});
  assign(
      layer,
      {{"running_mean", Tensor::from({0.1f, -0.2f, 0.3f}, {3})},
       {"running_var", Tensor::from({0.5f, 1.5f, 2.f}, {3})}});
  check_layer(layer, {.name = "eval", .x = random_input({4, 3, 2, 3}, 2)});
}

TEST(BatchNorm, TrainingNormalisesEachChannelAndReportsNewStatistics) {
  BatchNorm layer({.channels = 2});
  initialize(layer, Key(1));
  Tensor x = Tensor::from({1.f, 10.f, 2.f, 20.f, 3.f, 30.f, 6.f, 60.f}, {4, 2});
  Ctx ctx;
  ctx.training = true;
  ctx.path = "layer1.bn";
  std::vector<float> y = layer.forward(x, ctx).to_vector();
  double sum = 0, squares = 0;
  for (size_t i = 0; i < 8; i += 2) {
    sum += double(y[i]);
    squares += double(y[i]) * double(y[i]);
  }
  EXPECT_NEAR(sum, 0, 1e-5);
  EXPECT_NEAR(squares / 4, 1, 1e-4);

  // Mean 3, unbiased variance 14 / 3; new = 0.9 old + 0.1 batch.
  ASSERT_EQ(ctx.updates.size(), 3u);
  std::vector<float> mean = ctx.updates.at("layer1.bn.running_mean").to_vector();
  std::vector<float> var = ctx.updates.at("layer1.bn.running_var").to_vector();
  EXPECT_NEAR(mean[0], 0.3, 1e-6);
  EXPECT_NEAR(mean[1], 3, 1e-5);
  EXPECT_NEAR(var[0], 0.9 + 1.4 / 3, 1e-6);
  EXPECT_NEAR(var[1], 0.9 + 140.0 / 3, 1e-4);
  EXPECT_EQ(ctx.updates.at("layer1.bn.num_batches_tracked").item<int>(), 1);
  EXPECT_EQ(ctx.updates.at("layer1.bn.num_batches_tracked").dtype(), Dtype::i64);
}

TEST(BatchNorm, EvaluationUsesTheRunningStatisticsAndChangesNothing) {
  BatchNorm layer({.channels = 1, .eps = 0});
  initialize(layer, Key(1));
  assign(
      layer,
      {{"running_mean", Tensor::from({2.f}, {1})},
       {"running_var", Tensor::from({4.f}, {1})},
       {"weight", Tensor::from({3.f}, {1})},
       {"bias", Tensor::from({1.f}, {1})}});
  Ctx ctx;
  Tensor y = forward(layer, Tensor::from({2.f, 6.f}, {2, 1}), ctx);
  EXPECT_EQ(y.to_vector(), (std::vector<float>{1, 7}));
  EXPECT_TRUE(ctx.updates.empty());
}

TEST(BatchNorm, FusedReluAndResidualAreTheSeparateOnes) {
  BatchNorm layer({.channels = 3});
  initialize(layer, Key(1));
  Tensor x = random_input({2, 4, 5, 3}, 1), r = random_input({2, 4, 5, 3}, 2);
  for (bool training : {false, true}) {
    Ctx a, b, c;
    a.training = b.training = c.training = training;
    Tensor plain = layer.forward(x, a);
    EXPECT_LE(test::relative_error(layer.forward_relu(x, b), relu(plain)), 1e-6);
    EXPECT_LE(test::relative_error(layer.forward_relu(x, c, r), relu(plain + r)), 1e-6);
    EXPECT_EQ(a.updates.size(), c.updates.size());
  }
}

TEST(BatchNorm, BeginsAsGammaSays) {
  BatchNorm layer({.channels = 2, .gamma = 0});
  initialize(layer, Key(1));
  EXPECT_EQ(parameters(layer).at("weight").to_vector(), (std::vector<float>{0, 0}));
  EXPECT_EQ(state(layer).at("running_var").to_vector(), (std::vector<float>{1, 1}));
  EXPECT_EQ(names_of(state(layer)), (Names{"num_batches_tracked", "running_mean", "running_var"}));
  EXPECT_HAS(
      message_of([&] {
        run(layer, random_input({2, 3}, 1));
      }),
      "[BatchNorm] expected 2 channels on the last axis, got shape (2, 3)");
}

TEST(LayerNorm, GradientsAndStatistics) {
  LayerNorm layer({.channels = 6});
  check_layer(layer, {.name = "layer norm", .x = random_input({3, 4, 6}, 1)});
  initialize(layer, Key(1));
  std::vector<float> y = run(layer, random_input({1, 6}, 2)).to_vector();
  double sum = 0, squares = 0;
  for (float v : y) {
    sum += double(v);
    squares += double(v) * double(v);
  }
  EXPECT_NEAR(sum, 0, 1e-5);
  EXPECT_NEAR(squares / 6, 1, 1e-3);
}

TEST(GroupNorm, GradientsAndDivisibility) {
  GroupNorm layer({.groups = 2, .channels = 4});
  check_layer(layer, {.name = "group norm", .x = random_input({2, 3, 2, 4}, 1)});
  EXPECT_HAS(
      message_of([] { GroupNorm({.groups = 3, .channels = 4}); }),
      "[GroupNorm] expected channels divisible by 3 groups, got 4");
}

TEST(GroupNorm, OneGroupPerChannelIsInstanceNorm) {
  GroupNorm group({.groups = 4, .channels = 4});
  InstanceNorm instance({.channels = 4});
  initialize(group, Key(1));
  initialize(instance, Key(1));
  Tensor x = random_input({2, 3, 3, 4}, 1);
  EXPECT_LE(test::relative_error(run(group, x), run(instance, x)), 1e-6);
}

TEST(InstanceNorm, GradientsWithAndWithoutAffine) {
  InstanceNorm affine({.channels = 3}), plain({.channels = 3, .affine = false});
  check_layer(affine, {.name = "affine", .x = random_input({2, 4, 3, 3}, 1)});
  check_layer(plain, {.name = "plain", .x = random_input({2, 4, 3, 3}, 2)});
  EXPECT_EQ(count_parameters(affine), 6);
  EXPECT_EQ(count_parameters(plain), 0);
}

TEST(LocalResponseNorm, Gradients) {
  LocalResponseNorm layer({.size = 3, .alpha = 0.3, .beta = 0.75, .k = 2});
  check_layer(layer, {.name = "lrn", .x = random_input({2, 2, 2, 5}, 1)});
}

}  // namespace
}  // namespace fovea::nn
