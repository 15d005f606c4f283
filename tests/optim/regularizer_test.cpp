#include <cmath>

#include <gtest/gtest.h>

#include "fovea/ops/elementwise.h"
#include "fovea/optim/noise.h"
#include "fovea/optim/penalty.h"
#include "fovea/optim/weights.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::optim {
namespace {

using test::check_op;
using test::message_of;
using test::random_input;

Tensor row(const std::vector<float>& values) {
  return Tensor::from<float>(values, {1, int64_t(values.size())});
}

double penalty_of(const Tensor& w, const PenaltyOptions& o) {
  return penalty({{"w", w}}, o).item<double>();
}

// REG-01 and REG-02: L2 prefers the spread weights, L1 takes both for equal (E-85).
TEST(Penalty, SpreadWeightsCostLessByL2AndTheSameByL1) {
  const Tensor one = row({1, 0, 0, 0}), spread = row({0.25f, 0.25f, 0.25f, 0.25f});
  EXPECT_DOUBLE_EQ(penalty_of(one, {.l2 = 1}), 1);
  EXPECT_DOUBLE_EQ(penalty_of(spread, {.l2 = 1}), 0.25);
  EXPECT_DOUBLE_EQ(penalty_of(one, {.l1 = 1}), 1);
  EXPECT_DOUBLE_EQ(penalty_of(spread, {.l1 = 1}), 1);
}

TEST(Penalty, IsTheElasticNet) {  // REG-03: 0.5 (1 + 2 + 0) + 0.1 (1 + 4 + 0), and its slopes
  const Tensor w = row({-1, 2, 0});
  EXPECT_NEAR(penalty_of(w, {.l1 = 0.5, .l2 = 0.1}), 2, 1e-6);
  const Tensor slope = grad(penalty({{"w", w}}, {.l1 = 0.5, .l2 = 0.1}), w);
  EXPECT_EQ(slope.to_vector(), (std::vector<float>{-0.7f, 0.9f, 0}));
  EXPECT_EQ(penalty_of(w, {}), 0);
  check_op(
      {.name = "two tensors",
       .f =
           [](auto in) {
             return std::vector<Tensor>{
                 penalty({{"a", in[0]}, {"b", in[1]}}, {.l1 = 0.3, .l2 = 0.7})};
           },
       .inputs = {random_input({3, 5}, 1, 0.1, 1), random_input({2, 3, 3, 1}, 2, -1, -0.1)},
       .second = true});
  EXPECT_HAS(message_of([&] { penalty({}, {.l1 = -1}); }), "expected l1 and l2 of at least 0");
}

TEST(Weights, AreNeitherBiasesNorScales) {
  const Tensor v = random_input({4}, 1), m = random_input({4, 4}, 2);
  const Tree params{{"a.bias", v}, {"a.weight", m}, {"b.weight", m}, {"norm.weight", v}};
  auto names = [&](const char* pattern) {
    std::string all;
    for (const auto& [name, t] : weights_of(params, pattern)) all += name + " ";
    return all;
  };
  EXPECT_EQ(names("*"), "a.weight b.weight ");
  EXPECT_EQ(names("b.*"), "b.weight ");
  EXPECT_EQ(
      message_of([&] { weights_of(params, "norm.*"); }),
      "[regularize] expected the pattern \"norm.*\" to match a weight of rank 2 or more, got none "
      "of a.weight, b.weight");
}

TEST(Noise, HasTheAskedSpreadAndItsOwnNumbersForEachTensor) {
  const Tensor zero = Tensor::from(std::vector<float>(10000, 0.f), {100, 100});
  Tree noisy = with_noise({{"a", zero}, {"b", zero}}, 0.3, Key(1));
  const auto a = noisy.at("a").to_vector(), b = noisy.at("b").to_vector();
  double mean = 0, squares = 0;
  for (float v : a) {
    mean += v / 1e4;
    squares += double(v) * v / 1e4;
  }
  EXPECT_NEAR(mean, 0, 0.012);                  // four standard deviations
  EXPECT_NEAR(std::sqrt(squares), 0.3, 0.009);  // the same
  EXPECT_NE(a, b);
  EXPECT_EQ(with_noise({{"a", zero}}, 0.3, Key(1)).at("a").to_vector(), a);
  EXPECT_NE(with_noise({{"a", zero}}, 0.3, Key(2)).at("a").to_vector(), a);
  check_op(
      {.name = "gradient of noisy tensors",
       .f =
           [](auto in) {
             return std::vector<Tensor>{square(with_noise({{"w", in[0]}}, 0.3, Key(4)).at("w"))};
           },
       .inputs = {random_input({7, 5}, 1)}});
  for (double std : {-1.0, double(INFINITY), double(NAN)})
    EXPECT_HAS(
        message_of([&] {
          with_noise({{"a", zero}}, std, Key(1));
        }),
        "[with_noise] expected a finite deviation of at least 0, got");
}

TEST(Noise, OfGradientsFadesAsInThePaper) {  // Neelakantan et al. 2015, equation 2
  EXPECT_NEAR(gradient_noise_std(0.3, 0), 0.5477226, 1e-7);
  EXPECT_NEAR(gradient_noise_std(0.3, 99), 0.1543692, 1e-6);
  EXPECT_HAS(message_of([] { gradient_noise_std(-1, 0); }), "expected eta and a step");
}

TEST(DropConnect, LeavesOutItsShareAndKeepsTheMean) {
  const Tensor ones = Tensor::from(std::vector<float>(20000, 1.f), {200, 100});
  double dropped = 0, mean = 0;
  for (float v : drop_connect({{"w", ones}}, 0.2, Key(4)).at("w").to_vector()) {
    ASSERT_TRUE(v == 0.f || v == 1 / 0.8f) << v;
    dropped += (v == 0.f) / 2e4;
    mean += v / 2e4;
  }
  EXPECT_NEAR(dropped, 0.2, 0.0114);  // four standard deviations
  EXPECT_NEAR(mean, 1, 0.0142);
  check_op(
      {.name = "gradient by the same mask",
       .f =
           [](auto in) {
             return std::vector<Tensor>{drop_connect({{"w", in[0]}}, 0.4, Key(4)).at("w")};
           },
       .inputs = {random_input({7, 5}, 1)}});
  EXPECT_HAS(message_of([&] { drop_connect({{"w", ones}}, 1, Key(4)); }), "[dropout] expected");
}

}  // namespace
}  // namespace fovea::optim
