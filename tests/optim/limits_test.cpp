// Clipping, averaging and the max-norm constraint.

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/allocator.h"
#include "fovea/core/eval.h"
#include "fovea/ops/elementwise.h"
#include "fovea/optim/average.h"
#include "fovea/optim/clip.h"
#include "fovea/optim/constraint.h"
#include "tests/support/check_op.h"

namespace fovea::optim {

namespace {

using test::message_of;

TEST(Clip, ScalesAllGradientsByOneNorm) {
  Tree grads{
      {"a", Tensor::from({3.f, 0.f}, {2})}, {"b", Tensor::from({4.f}, {1})}, {"none", Tensor()}};
  Tensor norm = clip_grad_norm(grads, 1);
  EXPECT_FALSE(norm.is_evaluated());
  EXPECT_FLOAT_EQ(norm.item(), 5);
  EXPECT_NEAR(grads.at("a").to_vector()[0], 0.6, 1e-6);
  EXPECT_NEAR(grads.at("b").to_vector()[0], 0.8, 1e-6);
  EXPECT_TRUE(grads.at("none").is_empty());
}

TEST(Clip, LeavesSmallGradientsToTheBit) {
  Tensor g = test::random_input({17}, 1);
  Tree grads{{"a", g}};
  clip_grad_norm(grads, 100);
  EXPECT_EQ(grads.at("a").to_vector(), g.to_vector());
  Tree empty;
  EXPECT_EQ(clip_grad_norm(empty, 1).item(), 0);
}

TEST(Clip, Values) {
  Tree grads{{"a", Tensor::from({-3.f, 0.5f, 2.f}, {3})}};
  clip_grad_value(grads, 1);
  EXPECT_EQ(grads.at("a").to_vector(), (std::vector<float>{-1, 0.5, 1}));
}

TEST(Clip, RefusesBadLimits) {
  Tree grads;
  EXPECT_EQ(
      message_of([&] { clip_grad_norm(grads, 0); }),
      "[clip_grad_norm] expected a max_norm above 0, got 0");
  EXPECT_EQ(
      message_of([&] { clip_grad_value(grads, -1); }),
      "[clip_grad_value] expected a limit above 0, got -1");
}

TEST(Average, OfConstantParametersIsThemselves) {  // OPT-20, E-36
  Tree params{{"w", test::random_input({100}, 1)}};
  for (auto average : {ParameterAverage::exponential(), ParameterAverage::uniform()}) {
    for (int i = 0; i < 20; ++i) average.update(params);
    EXPECT_EQ(average.values().at("w").to_vector(), params.at("w").to_vector());
    EXPECT_EQ(average.count(), 20);
  }
}

TEST(Average, FollowsItsFormula) {
  auto fading = ParameterAverage::exponential(0.75);
  auto uniform = ParameterAverage::uniform();
  double expected = 1;
  for (int i = 0; i < 10; ++i) {
    double x = 1 + i * i;
    Tree params{{"w", Tensor::from({x}, {}, {Device::ref})}};
    fading.update(params);
    uniform.update(params);
    expected = 0.75 * expected + 0.25 * x;
    if (i == 0) expected = x;
  }
  EXPECT_NEAR(fading.values().at("w").item<double>(), expected, 1e-12);
  EXPECT_NEAR(uniform.values().at("w").item<double>(), 1 + 285.0 / 10, 1e-12);
}

TEST(Average, WritesOverItself) {
  auto average = ParameterAverage::exponential();
  for (uint64_t i = 0; i < 3; ++i) {
    Tree params{{"w", test::random_input({5000}, i)}};
    average.update(params);
    const int64_t before = host_allocator().stats().requests;
    eval(values_of(average.values()));
    EXPECT_EQ(host_allocator().stats().requests, before);
  }
}

TEST(Average, ContinuesFromItsState) {
  auto a = ParameterAverage::uniform(), b = ParameterAverage::uniform();
  for (uint64_t i = 0; i < 5; ++i) a.update({{"w", test::random_input({9}, i)}});
  b.load_state(a.values(), a.count());
  for (uint64_t i = 5; i < 9; ++i)
    for (auto* average : {&a, &b}) average->update({{"w", test::random_input({9}, i)}});
  EXPECT_EQ(a.values().at("w").to_vector(), b.values().at("w").to_vector());
}

TEST(Average, RefusesWhatDoesNotFit) {
  Tensor t = Tensor::from({1.f}, {1});
  auto average = ParameterAverage::uniform();
  average.update({{"w", t}});
  EXPECT_EQ(
      message_of([&] {
        average.update({{"v", t}});
      }),
      "[average] expected the same 1 parameters at each update, got 1 or others");
  EXPECT_EQ(
      message_of([&] {
        average.load_state({{"w", t}}, 0);
      }),
      "[average] expected values and the number of updates they come from, got 1 values and 0 "
      "updates");
  EXPECT_EQ(
      message_of([] { ParameterAverage::exponential(1); }),
      "[average] expected a decay in [0, 1), got 1");
}

TEST(MaxNorm, PullsLongRowsBack) {  // REG-04
  Tensor w = Tensor::from({3.f, 4.f, 0.3f, 0.4f, 0.f, 0.f}, {3, 2});
  Tree weights{{"fc.weight", w}};
  max_norm(weights, 2);
  std::vector<float> got = weights.at("fc.weight").to_vector();
  EXPECT_NEAR(got[0], 1.2, 1e-6);
  EXPECT_NEAR(got[1], 1.6, 1e-6);
  EXPECT_EQ(std::vector<float>(got.begin() + 2, got.end()), (std::vector<float>{0.3f, 0.4f, 0, 0}));
}

TEST(MaxNorm, CountsAllInputsOfAConvolution) {
  Tree params{{"w", test::random_input({5, 3, 3, 7}, 1)}};
  max_norm(params, 0.5);
  std::vector<float> w = params.at("w").to_vector();
  for (size_t o = 0; o < 5; ++o) {
    double squares = 0;
    for (size_t i = 0; i < 63; ++i) squares += double(w[o * 63 + i]) * w[o * 63 + i];
    EXPECT_NEAR(std::sqrt(squares), 0.5, 1e-6);
  }
  EXPECT_EQ(message_of([&] { max_norm(params, 0); }), "[max_norm] expected a limit above 0, got 0");
  params.emplace("bias", Tensor::from({9.f}, {1}));
  EXPECT_EQ(
      message_of([&] { max_norm(params, 1); }),
      "[max_norm] expected weights (O, ...) as weights_of gives, got bias f32 (1)");
}

}  // namespace

}  // namespace fovea::optim
