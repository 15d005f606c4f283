#include "fovea/ops/random.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::check_op;
using test::message_of;
using test::random_input;

using Values = std::vector<float>;

const Device ref{Device::ref};

struct Moments {
  double mean, variance;
};

Moments moments_of(const Tensor& t) {
  std::vector<double> x = t.to_doubles();
  double mean = 0, variance = 0;
  for (double v : x) mean += v / double(x.size());
  for (double v : x) variance += (v - mean) * (v - mean) / double(x.size());
  return {mean, variance};
}

TEST(Random, ElementsComeFromTheBlocksOfTheKey) {
  Key key(7, 3);
  auto first = key.block(0), second = key.block(1);
  std::vector<float> u = random_uniform({6}, key).to_vector();
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(u[i], to_unit(i < 4 ? first[i] : second[i - 4]));
  EXPECT_EQ(random_uniform({2, 3}, key).to_vector(), u);
  Tensor halves = random_bernoulli({6}, key, 0.5);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(halves.to_vector()[i], u[i] < 0.5f);
}

TEST(Random, IsTheSameOnEveryBackendAndNumberOfThreads) {
  const int before = threads();
  for (int64_t n : {0, 1, 3, 24, 1021, 70001}) {
    for (Key key : {Key(1), Key(~0ull, ~0ull)}) {
      auto all = [&] {
        std::vector<Tensor> t{
            random_uniform({n}, key, -2, 3),
            random_normal({n}, key),
            random_bernoulli({n}, key, 0.3)};
        eval(t);
        return t;
      };
      std::vector<Tensor> fast = all();
      set_threads(1);
      std::vector<Tensor> serial = all();
      set_threads(before);
      DeviceScope scope(ref);
      std::vector<Tensor> slow = all();
      for (size_t i = 0; i < fast.size(); ++i) {
        EXPECT_TRUE(std::ranges::equal(fast[i].bytes(), serial[i].bytes()));
        EXPECT_TRUE(std::ranges::equal(fast[i].bytes(), slow[i].bytes()));
      }
    }
  }
}

// Bounds of five standard errors.
TEST(Random, HasTheMomentsItShould) {
  const int64_t n = 1 << 18;
  Moments u = moments_of(random_uniform({n}, Key(1), -1, 3));
  EXPECT_NEAR(u.mean, 1, 5 * std::sqrt(16.0 / 12 / n));
  EXPECT_NEAR(u.variance, 16.0 / 12, 0.02);
  Moments z = moments_of(random_normal({n}, Key(2), 2, 3));
  EXPECT_NEAR(z.mean, 2, 5 * 3 / std::sqrt(n));
  EXPECT_NEAR(z.variance, 9, 5 * 9 * std::sqrt(2.0 / n));
  Moments b = moments_of(random_bernoulli({n}, Key(3), 0.2));
  EXPECT_NEAR(b.mean, 0.2, 5 * std::sqrt(0.16 / n));
}

TEST(Random, StaysInItsRange) {
  std::vector<float> u = random_uniform({100000}, Key(4), 1, 1.0000001).to_vector();
  EXPECT_EQ(*std::ranges::max_element(u), 1.0f);  // no float lies strictly between
  EXPECT_EQ(random_bernoulli({1000}, Key(5), 0).to_vector(), Values(1000, 0));
  EXPECT_EQ(random_bernoulli({1000}, Key(5), 1).to_vector(), Values(1000, 1));
  EXPECT_EQ(random_normal({8}, Key(5), 3, 0).to_vector(), Values(8, 3));
}

TEST(Random, NormalTailsAreThoseOfTheNormalDistribution) {
  const double n = 1 << 18;
  Tensor z = abs(random_normal({1 << 18}, Key(6)));
  for (double cut : {1.0, 2.0, 3.0}) {
    double share = mean(cast(greater(z, cut), Dtype::f32)).item<double>();
    double expected = std::erfc(cut / std::sqrt(2.0));
    EXPECT_NEAR(share, expected, 5 * std::sqrt(expected / n));
  }
}

TEST(RandomPermutation, IsAPermutationAndFair) {
  EXPECT_EQ(random_permutation(0, Key(1)).numel(), 0);
  std::vector<float> order = random_permutation(1000, Key(1)).to_vector();
  EXPECT_EQ(order, random_permutation(1000, Key(1)).to_vector());
  EXPECT_NE(order, random_permutation(1000, Key(2)).to_vector());
  std::ranges::sort(order);
  EXPECT_EQ(order, arange(1000).to_vector());
  int counts[6] = {};
  for (uint64_t i = 0; i < 6000; ++i) {
    std::vector<float> p = random_permutation(3, Key(9).fold_in(i)).to_vector();
    ++counts[int(p[0]) * 2 + (p[1] > p[2])];
  }
  for (int count : counts) EXPECT_NEAR(count, 1000, 5 * std::sqrt(1000 * 5.0 / 6));
}

TEST(Dropout, AgreesWithReferenceAndGradient) {
  for (const Shape& shape : {Shape{1}, Shape{7, 13}, Shape{2, 3, 5, 24}, Shape{0, 3}})
    for (bool channels : {false, true}) {
      if (channels && shape.rank() < 2) continue;
      check_op(
          {.name = shape.str(),
           .f =
               [&](auto in) {
                 return std::vector<Tensor>{dropout(in[0], 0.3, Key(11), {.channels = channels})};
               },
           .inputs = {random_input(shape, 3)},
           .second = shape.numel() < 100});
    }
}

TEST(Dropout, KeepsTheMean) {
  for (double rate : {0.1, 0.5, 0.8}) {
    const int64_t n = 1 << 18;
    Tensor y = dropout(full({n}, 3), rate, Key(12));
    double error = 3 * std::sqrt(rate / (1 - rate) / double(n));
    EXPECT_NEAR(moments_of(y).mean, 3, 5 * error);
    for (float v : y.to_vector()) ASSERT_TRUE(v == 0 || std::abs(v - 3 / (1 - rate)) < 1e-5);
    double kept = mean(cast(greater(y, 0), Dtype::f32)).item<double>();
    EXPECT_NEAR(kept, 1 - rate, 5 * std::sqrt(rate * (1 - rate) / double(n)));
  }
}

TEST(Dropout, DropsTheSameElementsInTheGradient) {
  Tensor x = full({7, 1024}, 2);
  Fn f = [](std::span<const Tensor> in) {
    return std::vector<Tensor>{dropout(in[0], 0.25, Key(13))};
  };
  Vjp r = vjp(f, std::span(&x, 1), std::vector<Tensor>{full({7, 1024}, 2)});
  EXPECT_EQ(r.values[0].to_vector(), r.grads[0].to_vector());
}

TEST(Dropout, DropsWholeChannels) {
  Tensor y = dropout(ones({8, 4, 5, 64}), 0.4, Key(14), {.channels = true});
  std::vector<float> low = min(y, {1, 2}).to_vector(), high = max(y, {1, 2}).to_vector();
  EXPECT_EQ(low, high);
  auto dropped = std::ranges::count(low, 0.0f);
  EXPECT_NEAR(double(dropped) / 512, 0.4, 5 * std::sqrt(0.24 / 512));
}

TEST(Dropout, DoesNothingAtRateZero) {
  Tensor x = ones({3});
  EXPECT_EQ(dropout(x, 0, Key(1)).value(), x.value());
}

TEST(Random, NamesWhatIsWrong) {
  Tensor x = ones({3});
  EXPECT_EQ(
      message_of([&] { dropout(x, 1, Key(1)); }),
      "[dropout] expected a rate (the share that is dropped) in [0, 1), got 1");
  EXPECT_EQ(
      message_of([&] { dropout(x, 0.5, Key(1), {.channels = true}); }),
      "[dropout] expected (N, ..., C) to drop channels of, got shape (3)");
  EXPECT_EQ(
      message_of([&] { dropout(cast(x, Dtype::i32), 0.5, Key(1)); }),
      "[dropout] expected a floating dtype, got i32 (3); cast it first");
  EXPECT_EQ(
      message_of([&] { random_uniform({3}, Key(1), 1, 1); }),
      "[random_uniform] expected lo below hi, got 1 and 1");
  EXPECT_EQ(
      message_of([&] { random_normal({3}, Key(1), 0, -1); }),
      "[random_normal] expected a standard deviation of 0 or more, got -1");
  EXPECT_EQ(
      message_of([&] { random_bernoulli({3}, Key(1), 1.5); }),
      "[random_bernoulli] expected a probability in [0, 1], got 1.5");
}

}  // namespace
}  // namespace fovea
