#include "fovea/graph/freeze.h"

#include <thread>

#include <gtest/gtest.h>

#include "fovea/core/allocator.h"
#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/core/profile.h"
#include "fovea/graph/fuse.h"
#include "fovea/graph/print.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/sort.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::graph {
namespace {

using test::message_of;
using test::random_input;
using test::relative_error;

constexpr Conv2dOptions same{.pad = {1, 1, 1, 1}};

struct Norm {
  explicit Norm(int64_t c, uint64_t seed)
      : gamma(random_input({c}, seed, 0.5, 1.5)),
        beta(random_input({c}, seed + 1)),
        mean(random_input({c}, seed + 2)),
        var(random_input({c}, seed + 3, 0.5, 2)) {}
  Tensor operator()(const Tensor& x, bool relu, const Tensor& residual = {}) const {
    return batch_norm_inference(x, gamma, beta, mean, var, {.relu = relu}, residual);
  }
  Tensor gamma, beta, mean, var;
};

// A residual block as networks write it, with the addition inside the second batch norm or, as
// `apart`, behind it.
struct Block {
  Tensor w1 = random_input({8, 3, 3, 8}, 1), w2 = random_input({8, 3, 3, 8}, 2);
  Tensor b2 = random_input({8}, 3);
  Norm n1{8, 10}, n2{8, 20};
  bool apart = false;
  Tensor operator()(const Tensor& x) const {
    Tensor y = n1(conv2d(x, w1, same), true);
    y = conv2d(y, w2, b2, same);
    return apart ? relu(n2(y, false) + x) : n2(y, true, x);
  }
};

Fn one(std::function<Tensor(const Tensor&)> f) {
  return [f](std::span<const Tensor> in) { return std::vector<Tensor>{f(in[0])}; };
}

Plan freeze_one(const std::function<Tensor(const Tensor&)>& f, const Shape& shape) {
  const Spec spec{shape, Dtype::f32};
  return freeze(one(f), std::span(&spec, 1));
}

TEST(Fuse, AResidualBlockBecomesTwoConvolutions) {
  for (bool apart : {false, true}) {
    Block block;
    block.apart = apart;
    Tensor x = random_input({2, 5, 6, 8}, 5), plain = block(x), fused = block(x);
    fold_constants(std::span(&fused, 1), std::span(&x, 1));
    fuse(std::span(&fused, 1));
    EXPECT_EQ(
        print(std::span(&fused, 1)),
        "%1 conv2d_relu (2, 5, 6, 8) <- f32 (2, 5, 6, 8), f32 (8, 3, 3, 8), f32 (8)\n"
        "%2 conv2d_add_relu (2, 5, 6, 8) <- %1, f32 (8, 3, 3, 8), f32 (8), f32 (2, 5, 6, 8)\n");
    EXPECT_LE(relative_error(fused, plain), 1e-5);
  }
}

TEST(Fuse, AFactorGoesIntoTheWeights) {
  Tensor w = random_input({8, 3, 3, 8}, 1), b = random_input({8}, 2);
  for (const Tensor& factor : {Tensor(0.25f), random_input({8}, 4)})
    for (bool bias : {false, true}) {
      auto f = [&](const Tensor& x) {
        Tensor y = bias ? conv2d(x, w, b, same) : conv2d(x, w, same);
        return relu(factor * y + x);
      };
      Tensor x = random_input({2, 5, 6, 8}, 5), plain = f(x), fused = f(x);
      fold_constants(std::span(&fused, 1), std::span(&x, 1));
      EXPECT_EQ(fuse(std::span(&fused, 1)), 3);
      EXPECT_LE(relative_error(fused, plain), 1e-5);
    }
  Tensor x = random_input({2, 5, 6, 8}, 5), row = random_input({6, 8}, 6);
  Tensor y = conv2d(x, w, same) * row;  // not the same for all pixels
  EXPECT_EQ(fuse(std::span(&y, 1)), 0);
}

TEST(Fuse, WhatSomebodyElseReadsStays) {
  Tensor x = random_input({1, 4, 4, 8}, 1), w = random_input({8, 3, 3, 8}, 2);
  Tensor y = conv2d(x, w, same);
  Tensor outputs[] = {relu(y), y};
  EXPECT_EQ(fuse(outputs), 0);
  Tensor both = relu(y) + exp(y);
  EXPECT_EQ(fuse(std::span(&both, 1)), 0);
}

TEST(Fuse, AScaleThatIsNotConstantStays) {
  Tensor x = random_input({1, 4, 4, 8}, 1), w = random_input({8, 3, 3, 8}, 2);
  Tensor s = random_input({8}, 3) * 2;
  Tensor y = scale_shift(conv2d(x, w, same), s, s);
  EXPECT_EQ(fuse(std::span(&y, 1)), 0);
}

TEST(Fuse, ReluJoinsAScaleAndShift) {
  Tensor x = random_input({3, 4}, 1), s = random_input({4}, 2);
  Tensor y = relu(scale_shift(x, s, s)), expected = relu(scale_shift(x, s, s));
  EXPECT_EQ(fuse(std::span(&y, 1)), 1);
  EXPECT_EQ(y.to_vector(), expected.to_vector());
}

TEST(Freeze, GivesWhatTheGraphGives) {
  Block block;
  auto f = [&](const Tensor& x) {
    Tensor y = max_pool2d(block(block(x)), {.kernel = {2, 2}});
    return matmul(reshape(y, {y.dim(0), -1}), random_input({8 * 2 * 3, 5}, 9));
  };
  Plan plan = freeze_one(f, {2, 5, 6, 8});
  for (uint64_t seed : {1, 2}) {
    Tensor x = random_input({2, 5, 6, 8}, seed);
    EXPECT_LE(relative_error(plan.run(x), f(x)), 1e-5);
  }
  EXPECT_EQ(plan.stats().fused, 4);
  EXPECT_GT(plan.stats().folded, 0);
  EXPECT_LT(plan.stats().arena_bytes, plan.stats().sum_bytes);
  EXPECT_NE(plan.str().find("conv2d_add_relu (2, 5, 6, 8) at "), std::string::npos) << plan.str();
}

// The residual is also what the convolution reads, so it must not be written over.
TEST(Freeze, AResidualThatIsReadTwiceSurvives) {
  Tensor w = random_input({8, 3, 3, 8}, 1), b = random_input({8}, 2);
  auto f = [&](const Tensor& x) {
    Tensor a = x * 2;
    return exp(conv2d(a, w, b, same) + a);
  };
  Tensor x = random_input({1, 6, 6, 8}, 3);
  EXPECT_LE(relative_error(freeze_one(f, x.shape()).run(x), f(x)), 1e-5);
}

TEST(Freeze, EveryKindOfResult) {
  auto f = [](std::span<const Tensor> in) {
    Tensor y = in[0] + in[1];
    TopK top = topk(y, 2);
    return std::vector<Tensor>{
        reshape(y, {6}), in[0], reshape(in[1], {6}), Tensor::from({1.f, 2.f}, {2}) * 3, top.values};
  };
  const Spec specs[] = {{{2, 3}, Dtype::f32}, {{2, 3}, Dtype::f32}};
  Plan plan = freeze(f, specs);
  Tensor in[] = {random_input({2, 3}, 1), random_input({2, 3}, 2)};
  auto got = plan.run(in), expected = f(in);
  Tensor others[] = {random_input({2, 3}, 3), random_input({2, 3}, 4)};
  plan.run(others);  // must not touch the first results
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(got[i].to_vector(), expected[i].to_vector()) << i;
}

TEST(Freeze, AsksForTheShapesItKnows) {
  Plan plan = freeze_one([](const Tensor& x) { return exp(x); }, {2, 3});
  EXPECT_EQ(
      message_of([&] {
        plan.run(random_input({3, 3}, 1));
      }),
      "[plan] expected input 0 as it was frozen, f32 (2, 3), got f32 (3, 3); freeze another plan "
      "for "
      "it");
  EXPECT_EQ(
      message_of([&] { plan.run(std::span<const Tensor>()); }), "[plan] expected 1 inputs, got 0");
}

TEST(Freeze, ManyThreadsRunOnePlan) {
  Block block;
  Plan plan = freeze_one(block, {1, 12, 12, 8});
  std::vector<Tensor> inputs, expected;
  for (uint64_t i = 0; i < 4; ++i) {
    inputs.push_back(random_input({1, 12, 12, 8}, i));
    expected.push_back(plan.run(inputs.back()));
  }
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round)
        wrong[i] += plan.run(inputs[i]).to_vector() != expected[i].to_vector();
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

TEST(Freeze, RunsWithoutNewMemory) {
  Block block;
  Plan plan = freeze_one(block, {1, 12, 12, 8});
  Tensor x = random_input({1, 12, 12, 8}, 1);
  for (int i = 0; i < 3; ++i) plan.run(x);
  const auto before = host_allocator().stats();
  for (int i = 0; i < 10; ++i) plan.run(x);
  EXPECT_EQ(host_allocator().stats().system_allocations, before.system_allocations);
  EXPECT_EQ(host_allocator().stats().live, before.live);
}

TEST(Freeze, KeepsSmallWorkOnOneThread) {
  Block block;
  auto alone = [&](Shape shape) { return freeze_one(block, shape).stats().one_thread; };
  EXPECT_TRUE(alone({1, 12, 12, 8}));   // 0.3 million operations
  EXPECT_FALSE(alone({1, 48, 48, 8}));  // 5 million
  auto copies = [](const Tensor& x) { return x + x; };
  EXPECT_TRUE(freeze_one(copies, {100'000}).stats().one_thread);
  EXPECT_FALSE(freeze_one(copies, {1'000'000}).stats().one_thread);  // 12 MB
}

// 1 x 1 convolutions to 64 channels at 128 x 128: 8 MB of inputs and results a picture.
Tensor wide(const Tensor& x) {
  static const Tensor w = random_input({64, 1, 1, 64}, 3);
  return mean(relu(conv2d(x, w)), {1, 2});
}

Plan freeze_pictures(const std::function<Tensor(const Tensor&)>& f, const Shape& shape) {
  const Spec spec{shape, Dtype::f32};
  return freeze_batch(one(f), std::span(&spec, 1));
}

TEST(FreezeBatch, CutsARunWhoseResultsLeaveTheCache) {
  auto parts = [](const Shape& shape) { return freeze_pictures(wide, shape).stats().parts; };
  EXPECT_EQ(parts({8, 128, 128, 64}), 4);
  EXPECT_EQ(parts({9, 128, 128, 64}), 3);
  EXPECT_EQ(parts({7, 128, 128, 64}), 1);  // no divisor
  EXPECT_EQ(parts({2, 128, 128, 64}), 1);
  EXPECT_EQ(parts({8, 32, 32, 64}), 1);
  EXPECT_EQ(parts({0, 128, 128, 64}), 1);
  EXPECT_EQ(freeze_one(wide, {8, 128, 128, 64}).stats().parts, 1);
}

TEST(FreezeBatch, GivesWhatTheWholeGives) {
  const Shape shape{6, 128, 128, 64};
  auto both = [](std::span<const Tensor> in) {
    const Tensor y = wide(in[0] + in[1]);
    return std::vector<Tensor>{y, reshape(y, {y.dim(0), 8, 8}), argmax(y, 1), in[1]};
  };
  const Spec specs[] = {{shape, Dtype::f32}, {shape, Dtype::f32}};
  const Plan plan = freeze_batch(both, specs);
  EXPECT_GT(plan.stats().parts, 1);
  EXPECT_LT(plan.stats().arena_bytes, freeze(both, specs).stats().arena_bytes);
  for (uint64_t seed : {1, 2}) {
    const Tensor in[] = {random_input(shape, seed), random_input(shape, seed + 9)};
    const std::vector<Tensor> got = plan.run(in), expected = both(in);
    ASSERT_EQ(got.size(), expected.size());
    EXPECT_LE(relative_error(got[0], expected[0]), 1e-5);
    EXPECT_LE(relative_error(got[1], expected[1]), 1e-5);
    EXPECT_EQ(got[2].to_vector(), expected[2].to_vector());
    EXPECT_EQ(got[3].to_vector(), expected[3].to_vector());
  }
  const Tensor wrong[] = {random_input({2, 128, 128, 64}, 1), random_input(shape, 2)};
  EXPECT_HAS(message_of([&] { plan.run(wrong); }), "(6, 128, 128, 64)");
}

TEST(FreezeBatch, NeedsNoInput) {
  const Tensor x = random_input({3}, 1);
  const Plan plan = freeze_batch([&](std::span<const Tensor>) { return std::vector{x + 1}; }, {});
  EXPECT_EQ(plan.run(std::span<const Tensor>())[0].to_vector(), (x + 1).to_vector());
}

// A result that is not one entry a picture cannot be put together.
TEST(FreezeBatch, LeavesOtherResultsWhole) {
  const Shape shape{8, 128, 128, 64};
  auto total = [](const Tensor& x) { return sum(wide(x), {0}); };
  EXPECT_EQ(freeze_pictures(total, shape).stats().parts, 1);
}

TEST(FreezeBatch, WhereWeightsAreManyABatchStaysWhole) {
  const Tensor w = random_input({512, 128 * 128}, 4);  // 32 MB
  auto f = [&](const Tensor& x) {
    const Tensor y = reshape(mean(relu(x), {3}), {x.dim(0), 128 * 128});
    return linear(y, w);
  };
  EXPECT_EQ(freeze_pictures(f, {8, 128, 128, 64}).stats().parts, 1);
}

TEST(Freeze, IsSeenByProfilesAndGuards) {
  Block block;
  Plan plan = freeze_one(block, {1, 4, 4, 8});
  Profile profile;
  plan.run(random_input({1, 4, 4, 8}, 1));
  ASSERT_EQ(profile.rows().size(), 2u);
  EXPECT_EQ(profile.rows()[1].op, "conv2d_add_relu");
  EXPECT_GT(profile.rows()[1].flops, 0);
  NanGuard guard;
  EXPECT_THROW(
      freeze_one([](const Tensor& x) { return log(x); }, {1}).run(Tensor::from({-1.f}, {1})),
      NonFiniteError);
}

TEST(Freeze, OnTheReferenceBackend) {
  Block block;
  Tensor x = random_input({1, 4, 5, 8}, 1);
  const Spec spec{x.shape(), Dtype::f32};
  Plan plan = freeze(one(block), std::span(&spec, 1), Device{Device::ref});
  EXPECT_LE(relative_error(plan.run(x), block(x)), 1e-5);
}

}  // namespace
}  // namespace fovea::graph
