#include "fovea/ops/norm.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "tests/support/check_op.h"
#include "tests/support/test_data.h"

namespace fovea {

using test::check_op;
using test::message_of;
using test::random_input;
using test::relative_error;

namespace {

struct Fused {
  bool relu = false, residual = false;
};

Fn batch_norm(Fused o) {
  return [o](std::span<const Tensor> in) -> std::vector<Tensor> {
    auto r = batch_norm_train(
        in[0],
        in[1],
        in[2],
        {.momentum = 0.3, .relu = o.relu},
        in[3],
        in[4],
        o.residual ? in[5] : Tensor());
    return {r.y, r.new_running_mean, r.new_running_var};
  };
}

std::vector<Tensor> batch_norm_inputs(const Shape& shape, bool residual) {
  Shape c{shape.back()};
  std::vector<Tensor> in{
      random_input(shape, 1),
      random_input(c, 2, 0.5, 1.5),
      random_input(c, 3),
      random_input(c, 4),
      random_input(c, 5, 0.5, 1)};
  if (residual) in.push_back(random_input(shape, 6));
  return in;
}

TEST(BatchNormTrain, AgreesWithReferenceAndNumericalGradients) {
  std::vector<Shape> shapes{{2, 1}, {5, 3}, {1, 3, 3, 7}, {3, 5, 2, 13}, {2, 3, 1, 24}, {70, 16}};
  for (const Shape& shape : shapes)
    for (Fused o : {Fused{}, Fused{.relu = true}, Fused{.residual = true}, Fused{true, true}})
      check_op(
          {.name = "batch_norm " + shape.str() + (o.relu ? " relu" : "") +
                   (o.residual ? " residual" : ""),
           .f = batch_norm(o),
           .inputs = batch_norm_inputs(shape, o.residual),
           .second = shape.numel() < 100 && shape[0] > 2});
}

TEST(BatchNormTrain, SecondDerivativesThroughTheMask) {
  for (bool residual : {false, true})
    check_op(
        {.name = "batch_norm",
         .f = batch_norm({true, residual}),
         .inputs = batch_norm_inputs({2, 2, 2, 3}, residual),
         .second = true});
}

// Many blocks, more channels than a block has rows, and rows left over by the wide view.
TEST(BatchNormTrain, CpuAgreesWithReferenceOnLargeShapes) {
  for (const Shape& shape : {Shape{3, 40, 41, 24}, Shape{2, 7, 7, 1032}, Shape{17, 33, 31, 3}})
    for (Fused o : {Fused{.relu = true}, Fused{true, true}})
      check_op(
          {.name = "batch_norm " + shape.str(),
           .f = [o](std::span<const Tensor> in) { return std::vector{batch_norm(o)(in)[0]}; },
           .inputs = batch_norm_inputs(shape, o.residual),
           .gradient = false});
}

TEST(BatchNormTrain, BackwardAgreesWithReferenceOnLargeShapes) {
  for (Fused o : {Fused{}, Fused{.relu = true}, Fused{true, true}}) {
    auto inputs = batch_norm_inputs({4, 40, 41, 24}, o.residual);
    Tensor dy = random_input(inputs[0].shape(), 9);
    auto gradients = [&](Device device) {
      std::vector<Tensor> in;
      for (const Tensor& t : inputs) in.push_back(to_device(t, device));
      Tensor d = to_device(dy, device);
      Fn f = [&](std::span<const Tensor> t) { return std::vector{batch_norm(o)(t)[0]}; };
      auto grads = vjp(f, in, std::span(&d, 1)).grads;
      eval(grads);
      return grads;
    };
    auto fast = gradients({Device::cpu}), slow = gradients({Device::ref});
    for (size_t i = 0; i < fast.size(); ++i)
      EXPECT_LE(relative_error(fast[i], slow[i]), 1e-5) << "input " << i;
  }
}

// Course: the normalised values have mean 0 and variance 1 over the batch.
TEST(BatchNormTrain, GivesZeroMeanAndUnitVariance) {
  Tensor x = random_input({64, 5}, 1, 3, 9), one = ones({5}), zero = zeros({5});
  Tensor y = batch_norm_train(x, one, zero, {.eps = 0}, zero, one).y;
  for (double v : mean(y, {0}).to_doubles()) EXPECT_NEAR(v, 0, 1e-6);
  for (double v : var(y, {0}).to_doubles()) EXPECT_NEAR(v, 1, 1e-5);
}

// gamma = standard deviation and beta = mean make it the identity.
TEST(BatchNormTrain, CanUndoItself) {
  Tensor x = random_input({31, 4}, 1, -2, 5), zero = zeros({4}), one = ones({4});
  Tensor y = batch_norm_train(x, sqrt(var(x, {0})), mean(x, {0}), {.eps = 0}, zero, one).y;
  EXPECT_LE(relative_error(y, x), 1e-6);
}

TEST(BatchNormTrain, RunningStatisticsFollowPyTorch) {
  Tensor x = Tensor::from({1.0f, 2.0f, 3.0f, 6.0f}, {4, 1}), zero = zeros({1}), one = ones({1});
  auto r = batch_norm_train(x, one, zero, {.momentum = 0.1}, zero, one);
  EXPECT_NEAR(r.new_running_mean.item(), 0.3, 1e-7);
  EXPECT_NEAR(r.new_running_var.item(), 0.9 + 0.1 * 14 / 3, 1e-6);  // squares 14, n - 1 = 3
}

// The spread is a millionth of the mean; a sum of squares in float would be all rounding.
TEST(BatchNormTrain, SurvivesAMeanFarFromZero) {
  for (const Shape& shape : {Shape{8, 16, 16, 5}, Shape{6, 70}, Shape{2, 1}}) {
    Tensor small = random_input(shape, 1, 0, 0.02), x = small + 1e4;
    Shape c{shape.back()};
    Tensor one = ones(c), zero = zeros(c);
    auto run = [&](Device d) {
      Tensor a = to_device(one, d), b = to_device(zero, d);
      return batch_norm_train(to_device(x, d), a, b, {.eps = 0}, b, a);
    };
    auto fast = run({Device::cpu}), slow = run({Device::ref});
    EXPECT_LE(relative_error(fast.y, slow.y), 1e-4) << shape.str();
    EXPECT_LE(relative_error(fast.new_running_var, slow.new_running_var), 1e-5) << shape.str();
    EXPECT_LE(relative_error(fast.new_running_mean, slow.new_running_mean), 1e-6) << shape.str();
  }
}

TEST(BatchNormTrain, ResultDoesNotDependOnThreads) {
  auto in = batch_norm_inputs({4, 33, 35, 24}, false);
  auto run = [&](int count) {
    int before = threads();
    set_threads(count);
    auto y = batch_norm({.relu = true})(in);
    eval(y);
    set_threads(before);
    return y;
  };
  auto one = run(1), two = run(2);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_EQ(relative_error(one[i], two[i]), 0);
}

TEST(BatchNormTrain, EmptyBatchKeepsTheRunningStatistics) {
  auto in = batch_norm_inputs({0, 4, 4, 3}, false);
  auto out = batch_norm({})(in);
  eval(out);
  EXPECT_EQ(out[0].shape().str(), "(0, 4, 4, 3)");
  EXPECT_EQ(relative_error(out[1], in[3]), 0);
  EXPECT_EQ(relative_error(out[2], in[4]), 0);
}

TEST(BatchNormTrain, ExplainsWhatItExpects) {
  auto message = [](const Shape& shape, const Shape& c, BatchNormOptions o = {}) {
    Tensor g = ones(c);
    return message_of([&] { batch_norm_train(ones(shape), g, g, o, g, g); });
  };
  EXPECT_NE(message({1, 4}, {4}).find("more than one value per channel"), std::string::npos);
  EXPECT_NE(message({4}, {4}).find("rank 2 or more"), std::string::npos);
  EXPECT_NE(message({2, 4}, {3}).find("gamma of f32 (4), got f32 (3)"), std::string::npos);
  EXPECT_NE(message({2, 4}, {4}, {.eps = -1}).find("eps >= 0"), std::string::npos);
}

TEST(BatchNormInference, AgreesWithReferenceAndNumericalGradients) {
  for (const Shape& shape : {Shape{0, 2, 2, 3}, Shape{1, 1}, Shape{1, 3, 3, 7}, Shape{4, 24}})
    for (Fused o : {Fused{}, Fused{.relu = true}, Fused{true, true}})
      check_op(
          {.name = "batch_norm_inference " + shape.str(),
           .f = [o](std::span<const Tensor> in) -> std::vector<Tensor> {
             return {batch_norm_inference(
                 in[0],
                 in[1],
                 in[2],
                 in[3],
                 in[4],
                 {.relu = o.relu},
                 o.residual ? in[5] : Tensor())};
           },
           .inputs = batch_norm_inputs(shape, o.residual),
           .second = true});
}

// Course: at test time the output of a sample does not depend on the rest of the batch.
TEST(BatchNormInference, TreatsSamplesAlone) {
  auto in = batch_norm_inputs({4, 6}, false);
  Tensor all = batch_norm_inference(in[0], in[1], in[2], in[3], in[4]);
  Tensor first = Tensor::from(std::span(in[0].data<float>()).first(6), {1, 6});
  Tensor alone = batch_norm_inference(first, in[1], in[2], in[3], in[4]);
  auto a = all.to_vector(), b = alone.to_vector();
  for (size_t i = 0; i < b.size(); ++i) EXPECT_EQ(a[i], b[i]);
}

TEST(LayerNorm, AgreesWithReferenceAndNumericalGradients) {
  for (const Shape& shape :
       {Shape{0, 5}, Shape{1, 3}, Shape{3, 7}, Shape{2, 3, 24}, Shape{150, 13}})
    check_op(
        {.name = "layer_norm " + shape.str(),
         .f = [](std::span<const Tensor> in) -> std::vector<Tensor> {
           return {layer_norm(in[0], in[1], in[2])};
         },
         .inputs =
             {random_input(shape, 1),
              random_input({shape.back()}, 2),
              random_input({shape.back()}, 3)},
         .gradient = shape.numel() < 1000,
         .second = shape.numel() < 100});
}

TEST(LayerNorm, TakesSeveralAxesAndNoAffine) {
  check_op(
      {.name = "layer_norm over three axes",
       .f = [](std::span<const Tensor> in) -> std::vector<Tensor> {
         return {layer_norm(in[0], {}, {}, {.axes = 3})};
       },
       .inputs = {random_input({2, 3, 2, 5}, 1)},
       .second = true});
}

TEST(LayerNorm, BackwardAgreesWithReferenceOnManyRows) {
  Tensor x = random_input({700, 96}, 1), gamma = random_input({96}, 2), beta = zeros({96});
  Tensor dy = random_input({700, 96}, 3);
  auto gradients = [&](Device d) {
    std::vector<Tensor> in{to_device(x, d), to_device(gamma, d), to_device(beta, d)};
    Tensor g = to_device(dy, d);
    Fn f = [](std::span<const Tensor> t) { return std::vector{layer_norm(t[0], t[1], t[2])}; };
    return vjp(f, in, std::span(&g, 1)).grads;
  };
  auto fast = gradients({Device::cpu}), slow = gradients({Device::ref});
  for (size_t i = 0; i < 3; ++i) EXPECT_LE(relative_error(fast[i], slow[i]), 1e-5) << i;
}

TEST(LayerNorm, SurvivesAMeanFarFromZero) {
  Tensor x = random_input({9, 77}, 1, 0, 0.02) + 1e4;
  Tensor slow = layer_norm(to_device(x, {Device::ref}), {}, {}, {.eps = 0});
  EXPECT_LE(relative_error(layer_norm(x, {}, {}, {.eps = 0}), slow), 1e-4);
}

TEST(LayerNorm, ExplainsWhatItExpects) {
  auto too_many = [] { layer_norm(ones({2, 3}), {}, {}, {.axes = 3}); };
  EXPECT_NE(message_of(too_many).find("expected 1 to 2 axes"), std::string::npos);
  auto wrong = [] { layer_norm(ones({2, 3}), ones({2})); };
  EXPECT_NE(message_of(wrong).find("gamma of f32 (3), got f32 (2)"), std::string::npos);
}

TEST(GroupNorm, AgreesWithReferenceAndNumericalGradients) {
  struct Case {
    Shape shape;
    int groups;
  };
  std::vector<Case> cases{
      {{0, 2, 2, 4}, 2},
      {{2, 3, 3, 4}, 2},
      {{3, 2, 1, 7}, 7},
      {{1, 5, 5, 6}, 1},
      {{2, 1, 1, 6}, 3},
      {{3, 24}, 2}};
  for (const auto& [shape, groups] : cases)
    check_op(
        {.name = "group_norm " + shape.str(),
         .f = [n = groups](std::span<const Tensor> in) -> std::vector<Tensor> {
           return {group_norm(in[0], in[1], in[2], {.groups = n})};
         },
         .inputs =
             {random_input(shape, 1),
              random_input({shape.back()}, 2),
              random_input({shape.back()}, 3)},
         .second = shape[1] != 1});
}

TEST(GroupNorm, CpuAgreesWithReferenceOnLargeShapes) {
  for (int groups : {1, 4, 24})
    check_op(
        {.name = "group_norm",
         .f = [groups](std::span<const Tensor> in) -> std::vector<Tensor> {
           return {group_norm(in[0] + 100, in[1], in[2], {.groups = groups})};
         },
         .inputs = {random_input({3, 31, 33, 24}, 1), random_input({24}, 2), random_input({24}, 3)},
         .gradient = false});
}

TEST(GroupNorm, ExplainsWhatItExpects) {
  auto message = message_of([] { group_norm(ones({2, 3, 3, 10}), {}, {}, {.groups = 4}); });
  EXPECT_NE(message.find("divides the 10 channels, got 4"), std::string::npos);
}

TEST(InstanceNorm, IsGroupNormWithOneChannelAGroup) {
  Tensor x = random_input({2, 4, 5, 3}, 1, 2, 7);
  Tensor y = instance_norm(x, {}, {}, {.eps = 0});
  for (double v : mean(y, {1, 2}).to_doubles()) EXPECT_NEAR(v, 0, 1e-6);
  for (double v : var(y, {1, 2}).to_doubles()) EXPECT_NEAR(v, 1, 1e-5);
}

TEST(LocalResponseNorm, AgreesWithReferenceAndNumericalGradients) {
  for (auto o :
       {LocalResponseNormOptions{.alpha = 0.1}, {.size = 4, .alpha = 1, .beta = 0.5, .k = 2}})
    for (const Shape& shape : {Shape{0, 3}, Shape{2, 3, 7}, Shape{5, 1}, Shape{1, 2, 2, 24}})
      check_op(
          {.name = "local_response_norm " + shape.str(),
           .f = [o](std::span<const Tensor> in) -> std::vector<Tensor> {
             return {local_response_norm(in[0], o)};
           },
           .inputs = {random_input(shape, 1)},
           .second = true});
}

TEST(LocalResponseNorm, ExplainsWhatItExpects) {
  auto message = message_of([] { local_response_norm(ones({2, 3}), {.size = 0}); });
  EXPECT_NE(message.find("window of 1 or more"), std::string::npos);
}

// Forward and gradients recorded from PyTorch; inputs, dy and results share a prefix.
class NormFixture : public testing::Test {
 protected:
  void expect(const std::string& name, std::vector<std::string> inputs, const Fn& f) {
    auto at = [&](const std::string& key) { return tree_.at(name + "." + key); };
    std::vector<Tensor> in;
    for (const std::string& key : inputs) in.push_back(at(key));
    Tensor dy = at("dy");
    Vjp r = vjp(f, in, std::span(&dy, 1));
    EXPECT_LE(relative_error(r.values[0], at("y")), 1e-5) << name;
    for (size_t i = 0; i < in.size(); ++i)
      EXPECT_LE(relative_error(r.grads[i], at("d" + inputs[i])), 1e-5) << name << " " << inputs[i];
  }

  Tree tree_ = formats::load_safetensors(test::fixture("norm.safetensors")).tensors;
};

TEST_F(NormFixture, BatchNormWithResidualAndRelu) {
  Tensor old_mean = tree_.at("batch_norm.old_mean"), old_var = tree_.at("batch_norm.old_var");
  BatchNormResult last;
  expect("batch_norm", {"x", "gamma", "beta", "residual"}, [&](std::span<const Tensor> in) {
    last = batch_norm_train(in[0], in[1], in[2], {.relu = true}, old_mean, old_var, in[3]);
    return std::vector{last.y};
  });
  EXPECT_LE(relative_error(last.new_running_mean, tree_.at("batch_norm.new_mean")), 1e-6);
  EXPECT_LE(relative_error(last.new_running_var, tree_.at("batch_norm.new_var")), 1e-6);
}

TEST_F(NormFixture, BatchNormInference) {
  Tensor mean = tree_.at("batch_norm.new_mean"), var = tree_.at("batch_norm.new_var");
  expect("batch_norm_eval", {"x", "gamma", "beta"}, [&](std::span<const Tensor> in) {
    return std::vector{batch_norm_inference(in[0], in[1], in[2], mean, var, {.eps = 1e-3})};
  });
}

TEST_F(NormFixture, LayerGroupAndInstanceNorm) {
  expect("layer_norm", {"x", "gamma", "beta"}, [](std::span<const Tensor> in) {
    return std::vector{layer_norm(in[0], in[1], in[2])};
  });
  expect("group_norm", {"x", "gamma", "beta"}, [](std::span<const Tensor> in) {
    return std::vector{group_norm(in[0], in[1], in[2], {.groups = 3})};
  });
  expect("instance_norm", {"x", "gamma", "beta"}, [](std::span<const Tensor> in) {
    return std::vector{instance_norm(in[0], in[1], in[2])};
  });
}

TEST_F(NormFixture, LocalResponseNorm) {
  expect("lrn_odd", {"x"}, [](std::span<const Tensor> in) {
    return std::vector{local_response_norm(in[0], {.alpha = 1e-2, .k = 2})};
  });
  expect("lrn_even", {"x"}, [](std::span<const Tensor> in) {
    return std::vector{local_response_norm(in[0], {.size = 4, .alpha = 0.1, .beta = 0.6})};
  });
}

}  // namespace

}  // namespace fovea
