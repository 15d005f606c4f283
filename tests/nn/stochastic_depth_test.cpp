#include "fovea/nn/stochastic_depth.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/ops/create.h"
#include "tests/nn/layers.h"

namespace fovea::nn {
namespace {

using test::message_of;
using test::random_input;

Ctx training(uint64_t seed) {
  Ctx ctx;
  ctx.training = true;
  ctx.key = Key(seed);
  return ctx;
}

// The share of pictures that is dropped is that of a fair coin within four standard deviations, and
// a picture is dropped whole or scaled whole.
TEST(StochasticDepth, DropsWholePicturesAtItsRate) {
  const int64_t n = 4000;
  for (double rate : {0.1, 0.5, 0.8}) {
    Ctx ctx = training(3);
    Tensor y = StochasticDepth(rate).forward(ones({n, 2, 1, 3}), ctx).eval();
    auto v = y.data<float>();
    int64_t dropped = 0;
    for (size_t i = 0; i < size_t(n); ++i) {
      for (size_t j = 1; j < 6; ++j) ASSERT_EQ(v[6 * i + j], v[6 * i]);
      if (v[6 * i] == 0)
        ++dropped;
      else
        ASSERT_FLOAT_EQ(v[6 * i], float(1 / (1 - rate)));
    }
    EXPECT_NEAR(double(dropped) / n, rate, 4 * std::sqrt(rate * (1 - rate) / n));
  }
}

TEST(StochasticDepth, DoesNothingAtTestTimeOrAtRateZero) {
  Tensor x = random_input({3, 4}, 1);
  EXPECT_EQ(run(StochasticDepth(0.9), x).to_vector(), x.to_vector());
  EXPECT_EQ(run(StochasticDepth(0), x, true).to_vector(), x.to_vector());
}

TEST(StochasticDepth, DrawsAnewForEachCallAndEachKey) {
  Tensor x = ones({64});
  auto draw = [&](Ctx& ctx) { return StochasticDepth(0.5).forward(x, ctx).to_vector(); };
  Ctx a = training(1), b = training(1), c = training(2);
  const auto first = draw(a);
  EXPECT_EQ(first, draw(b));
  EXPECT_NE(first, draw(a));
  EXPECT_NE(first, draw(c));
}

TEST(StochasticDepth, GradientsGoToThePicturesThatStay) {
  StochasticDepth layer(0.4);
  check_layer(layer, {.name = "images", .x = random_input({7, 3, 2, 5}, 1), .training = true});
  check_layer(layer, {.name = "features", .x = random_input({5, 3}, 2), .training = true});
}

TEST(StochasticDepth, AWholeBatchIsDroppedAtTheRate) {
  Ctx ctx = training(5), test_time;
  int dropped = 0;
  const int n = 4000;
  for (int i = 0; i < n; ++i) dropped += drops_batch(0.3, ctx);
  EXPECT_NEAR(double(dropped) / n, 0.3, 4 * std::sqrt(0.3 * 0.7 / n));
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(drops_batch(0.99, test_time));
    EXPECT_FALSE(drops_batch(0, ctx));
  }
}

TEST(StochasticDepth, RefusesRatesOfOneAndAbove) {
  EXPECT_HAS(message_of([] { StochasticDepth(1); }), "expected a rate in [0, 1)");
  EXPECT_HAS(
      message_of([] {
        Ctx ctx;
        drops_batch(-0.1, ctx);
      }),
      "expected a rate in [0, 1), the share that is dropped, got -0.1");
}

}  // namespace
}  // namespace fovea::nn
