#include "fovea/ops/chain.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/core/eval.h"
#include "fovea/core/random.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea {
namespace {

using test::check_op;
using test::int_input;
using test::message_of;
using test::random_input;

// All labellings of T places, each with its score and wrong labels, for one chain.
struct Brute {
  std::vector<float> unary, pair;
  size_t t, c;

  template <class F>
  void each(F f) const {
    std::vector<int32_t> y(t, 0);
    for (;;) {
      double score = 0;
      for (size_t i = 0; i < t; ++i) {
        score += unary[i * c + size_t(y[i])];
        if (i > 0) score += pair[size_t(y[i - 1]) * c + size_t(y[i])];
      }
      f(y, score);
      size_t at = 0;
      while (at < t && ++y[at] == int32_t(c)) y[at++] = 0;
      if (at == t) return;
    }
  }
};

TEST(Chain, DecodesTheBestOfAllLabellings) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Tensor unary = random_input({1, 5, 3}, seed), pair = random_input({3, 3}, seed + 100);
    double best = -1e300;
    std::vector<int32_t> labels;
    Brute{unary.to_vector(), pair.to_vector(), 5, 3}.each([&](const auto& y, double score) {
      if (score > best) best = score, labels = y;
    });
    const Tensor found = chain_decode(unary, pair);
    const auto got = found.eval().data<int32_t>();
    EXPECT_EQ(std::vector<int32_t>(got.begin(), got.end()), labels);
    EXPECT_NEAR(chain_score(unary, pair, found).item(), best, 1e-5);
  }
}

TEST(Chain, HingeIsTheWorstOfAllLabellings) {
  const size_t n = 6, t = 4, c = 3;
  const Tensor unary = random_input({6, 4, 3}, 1), pair = random_input({3, 3}, 2);
  const Tensor labels = int_input({6, 4}, 3, 0, 3);
  for (double cost : {0.0, 0.5, 2.0}) {
    const auto got =
        structured_hinge(unary, pair, labels, {.cost = cost, .reduction = Reduction::none})
            .to_vector();
    const auto scores = unary.to_vector();
    const auto truth = labels.eval().data<int32_t>();
    for (size_t i = 0; i < n; ++i) {
      const auto begin = scores.begin() + int64_t(i * t * c);
      double worst = -1e300, right = 0;
      Brute{{begin, begin + int64_t(t * c)}, pair.to_vector(), t, c}.each(
          [&](const auto& y, double score) {
            int wrong = 0;
            for (size_t k = 0; k < t; ++k) wrong += y[k] != truth[i * t + k];
            worst = std::max(worst, score + cost * wrong);
            if (wrong == 0) right = score;
          });
      EXPECT_NEAR(got[i], worst - right, 1e-5);
      EXPECT_GE(got[i], -1e-6);
    }
  }
  check_op(
      {.name = "structured_hinge",
       .f = [](auto in) { return std::vector<Tensor>{structured_hinge(in[0], in[1], in[2])}; },
       .inputs = {unary, pair, labels}});
}

// A chain of one place: max_j (s_j + [j != y]) - s_y.
TEST(Chain, OfOnePlaceIsCrammerAndSingersHinge) {
  const Tensor s = Tensor::from({3.2f, 5.1f, -1.7f, 1.3f, 4.9f, 2.0f}, {2, 1, 3});
  const Tensor labels = Tensor::from({0, 1}, {2, 1});
  const auto losses =
      structured_hinge(s, zeros({3, 3}), labels, {.reduction = Reduction::none}).to_vector();
  EXPECT_NEAR(losses[0], 5.1 + 1 - 3.2, 1e-5);
  EXPECT_NEAR(losses[1], 0, 1e-5);
}

TEST(Chain, RefusesWhatDoesNotFit) {
  const Tensor unary = random_input({2, 4, 3}, 1), pair = random_input({3, 3}, 2);
  EXPECT_HAS(
      message_of([&] {
        chain_decode(unary, random_input({2, 3}, 1));
      }),
      "[chain_decode] expected scores (N, T, C) and (C, C), f32 or f64, got");
  EXPECT_HAS(
      message_of([&] {
        chain_score(unary, pair, int_input({2, 3}, 1, 0, 3));
      }),
      "[chain_score] expected labels (2, 4), got (2, 3)");
  EXPECT_HAS(
      message_of([&] {
        structured_hinge(unary, pair, int_input({2, 4}, 1, 0, 3), {.cost = -1});
      }),
      "expected a cost of at least 0, got -1");
}

// Chains whose label stays for a while, seen through noise: what lies beside a place says more than
// the place itself.
struct Chains {
  Tensor x, labels;  // (N, T, 3), (N, T)
  explicit Chains(uint64_t seed) {
    const int64_t n = 30, t = 15;
    Rng rng{Key(seed)};
    std::vector<float> seen;
    std::vector<int32_t> truth;
    for (int64_t i = 0; i < n; ++i) {
      auto label = int32_t(rng.below(3));
      for (int64_t k = 0; k < t; ++k) {
        if (rng.bernoulli(0.15)) label = int32_t(rng.below(3));
        truth.push_back(label);
        for (int32_t c = 0; c < 3; ++c) seen.push_back(float((c == label) + 0.9 * rng.normal()));
      }
    }
    x = Tensor::from(seen, {n, t, 3});
    labels = Tensor::from(truth, {n, t});
  }
  double accuracy(const Tensor& w, const Tensor& pair) const {
    return mean(cast(equal(chain_decode(matmul(x, w), pair), labels), Dtype::f32)).item();
  }
};

TEST(Chain, LearnsWhatPlacesAloneDoNotShow) {
  const Chains train(1), test(2);
  auto learn = [&](bool with_pairs) {
    Tensor w = zeros({3, 3}).eval(), pair = zeros({3, 3}).eval();
    for (int i = 0; i < 60; ++i) {
      const double lr = 0.1 / (1 + 0.05 * i);
      const Tensor loss = structured_hinge(matmul(train.x, w), pair, train.labels);
      const auto slopes = grad(loss, {{w, pair}});
      w = (w - lr * slopes[0]).eval();
      if (with_pairs) pair = (pair - lr * slopes[1]).eval();
    }
    return test.accuracy(w, pair);
  };
  const double alone = learn(false), together = learn(true);
  EXPECT_GT(alone, 0.55);
  EXPECT_GT(together, alone + 0.08);
}

}  // namespace
}  // namespace fovea
