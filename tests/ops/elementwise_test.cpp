#include "fovea/ops/elementwise.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/ops/activation.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::check_op;
using test::message_of;
using test::random_input;

// Odd and prime sizes around the vector lengths, and one large enough to run on several threads.
const Shape sizes[] = {{1}, {3}, {7, 13}, {2, 3, 24}, {5, 0, 3}};
const Shape large{37, 1024};

struct UnaryCase {
  const char* name;
  Tensor (*f)(const Tensor&);
  double lo, hi;
  bool second = true;
};

class UnaryTest : public testing::TestWithParam<UnaryCase> {};

TEST_P(UnaryTest, AgreesWithReferenceAndGradient) {
  const UnaryCase& c = GetParam();
  Fn f = [&](std::span<const Tensor> in) { return std::vector<Tensor>{c.f(in[0])}; };
  uint64_t seed = 1;
  for (const Shape& shape : sizes)
    check_op(
        {.name = c.name + shape.str(),
         .f = f,
         .inputs = {random_input(shape, ++seed, c.lo, c.hi)},
         .second = c.second && shape.numel() < 50});
  Tensor big = random_input(large, 9, c.lo, c.hi);
  Tensor fast = c.f(big), slow = c.f(to_device(big, Device{Device::ref}));
  EXPECT_LE(test::relative_error(fast, slow), 1e-5);
}

TEST_P(UnaryTest, AgreesWithReferenceAtTheEdges) {
  Tensor x = Tensor::from({0.f, -0.f, -1.f, 1e-40f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN}, {9});
  Tensor slow = GetParam().f(to_device(x, Device{Device::ref}));
  EXPECT_LE(test::relative_error(GetParam().f(x), slow), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(
    All,
    UnaryTest,
    testing::Values(
        UnaryCase{"neg", neg, -2, 2},
        UnaryCase{"abs", abs, 0.1, 2},
        UnaryCase{"exp", exp, -3, 3},
        UnaryCase{"expm1", expm1, -1, 1},
        UnaryCase{"log", log, 0.2, 5},
        UnaryCase{"log1p", log1p, -0.5, 3},
        UnaryCase{"sqrt", sqrt, 0.2, 5},
        UnaryCase{"rsqrt", rsqrt, 0.2, 5},
        UnaryCase{"square", square, -2, 2},
        UnaryCase{"reciprocal", reciprocal, 0.3, 3},
        UnaryCase{"sin", sin, -4, 4},
        UnaryCase{"cos", cos, -4, 4},
        UnaryCase{"tanh", tanh, -3, 3},
        UnaryCase{"sigmoid", sigmoid, -6, 6},
        UnaryCase{"erf", erf, -2, 2},
        UnaryCase{"relu", relu, 0.1, 2},
        UnaryCase{"gelu", gelu, -3, 3},
        UnaryCase{"silu", silu, -4, 4},
        UnaryCase{"softplus", softplus, -4, 4},
        UnaryCase{"hard_sigmoid", hard_sigmoid, -2.5, 2.5},
        UnaryCase{"hard_swish", hard_swish, -2.5, 2.5},
        UnaryCase{"relu6", relu6, 0.5, 5.5},
        UnaryCase{"leaky", [](const Tensor& x) { return leaky_relu(x, 0.1); }, -2, -0.1},
        UnaryCase{"elu", [](const Tensor& x) { return elu(x, 0.7); }, -2, -0.1}),
    [](const auto& param) { return param.param.name; });

TEST(Elementwise, SaturatesAndKeepsNaN) {
  float inf = INFINITY;
  std::vector<float> x{-inf, -1000, -80, 0, 80, 1000, inf, NAN};
  for (auto f :
       {exp, tanh, sigmoid, relu, silu, +[](const Tensor& t) { return clamp(t, -1, 1); }}) {
    Tensor input = Tensor::from(x, {8});
    auto fast = f(input).to_vector(), slow = f(to_device(input, Device{Device::ref})).to_vector();
    for (size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(slow[i]))
        EXPECT_TRUE(std::isnan(fast[i])) << i;
      else
        EXPECT_FLOAT_EQ(fast[i], slow[i]) << i;
    }
  }
}

TEST(Elementwise, ReluGradientAtZeroIsZero) {
  Tensor x = Tensor::from({-1.f, 0.f, 2.f}, {3});
  EXPECT_EQ(
      grad(relu(x), x, Tensor::from({1.f, 1.f, 1.f}, {3})).to_vector(),
      (std::vector<float>{0, 0, 1}));
}

TEST(Elementwise, SigmoidGradientAtZeroAndTen) {  // ACT-02
  Tensor x = Tensor::from({0.0, 10.0, -10.0}, {3}, Device{Device::ref});
  auto g = grad(sigmoid(x), x, Tensor::from({1.0, 1.0, 1.0}, {3})).to_doubles();
  EXPECT_DOUBLE_EQ(g[0], 0.25);
  EXPECT_NEAR(g[1], 4.54e-5, 1e-7);
  EXPECT_NEAR(g[2], 4.54e-5, 1e-7);
}

class BinaryTest : public testing::TestWithParam<std::pair<Shape, Shape>> {};

TEST_P(BinaryTest, BroadcastsLikeTheReference) {
  auto [sa, sb] = GetParam();
  Tensor a = random_input(sa, 3, 0.5, 2), b = random_input(sb, 4, 0.5, 2);
  using F = Tensor (*)(const Tensor&, const Tensor&);
  for (F f : {F(add), F(sub), F(mul), F(div), F(pow), F(maximum), F(minimum)})
    check_op(
        {.name = sa.str() + sb.str(),
         .f = [f](std::span<const Tensor> in) { return std::vector<Tensor>{f(in[0], in[1])}; },
         .inputs = {a, b},
         .gradient = sa.numel() < 200 && sb.numel() < 200,
         .second = f != F(maximum) && f != F(minimum)});
  for (F f : {F(equal), F(not_equal), F(less), F(less_equal), F(greater), F(greater_equal)})
    check_op(
        {.name = "compare",
         .f = [f](std::span<const Tensor> in) { return std::vector<Tensor>{f(in[0], in[1])}; },
         .inputs = {a, b},
         .gradient = false});
}

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    BinaryTest,
    testing::Values(
        std::pair{Shape{7}, Shape{7}},
        std::pair{Shape{2, 3, 5}, Shape{5}},
        std::pair{Shape{5}, Shape{2, 3, 5}},
        std::pair{Shape{2, 3, 5}, Shape{3, 1}},
        std::pair{Shape{2, 1, 13}, Shape{3, 1}},
        std::pair{Shape{}, Shape{24}},
        std::pair{Shape{3, 1}, Shape{1, 4}},
        std::pair{Shape{0, 3}, Shape{3}},
        std::pair{Shape{64, 33, 17}, Shape{17}},
        std::pair{Shape{64, 33, 17}, Shape{64, 1, 17}}));

TEST(Elementwise, MaximumGivesATieToTheFirst) {  // E-18, ENG-09
  Tensor a = Tensor::from({4.f, 1.f, 3.f}, {3}), b = Tensor::from({2.f, 1.f, 5.f}, {3});
  Tensor ones = Tensor::from({1.f, 1.f, 1.f}, {3});
  EXPECT_EQ(grad(maximum(a, b), a, ones).to_vector(), (std::vector<float>{1, 1, 0}));
  EXPECT_EQ(grad(maximum(a, b), b, ones).to_vector(), (std::vector<float>{0, 0, 1}));
}

TEST(Elementwise, NumbersTakeTheDtypeTheyMeet) {
  Tensor half = cast(Tensor::from({1.5f, -2.f}, {2}), Dtype::bf16);
  EXPECT_EQ((half * 2).dtype(), Dtype::bf16);
  EXPECT_EQ((half * 2).to_vector(), (std::vector<float>{3, -4}));
  Tensor whole = Tensor::from({int32_t(5), int32_t(-7)}, {2});
  EXPECT_EQ((whole * 2).dtype(), Dtype::i32);
  EXPECT_EQ((whole * 0.5).dtype(), Dtype::f32);
  EXPECT_EQ((whole / 2).to_vector(), (std::vector<float>{2.5, -3.5}));
  EXPECT_EQ((Tensor(2.0) * 3.0).item(), 6);
}

TEST(Elementwise, PreluAndMaxout) {
  check_op(
      {.name = "prelu",
       .f = [](std::span<const Tensor> in) { return std::vector<Tensor>{prelu(in[0], in[1])}; },
       .inputs = {random_input({4, 3, 7}, 5), random_input({7}, 6)}});
  check_op(
      {.name = "maxout",
       .f = [](std::span<const Tensor> in) { return std::vector<Tensor>{maxout(in[0], 3)}; },
       .inputs = {test::distinct_input({5, 12}, 7)}});
  // ACT-09: with one piece at zero, maxout is ReLU.
  Tensor x = random_input({5, 4}, 8), zero = x * 0;
  std::vector<float> joined;
  for (int r = 0; r < 5; ++r) {
    auto v = x.to_vector();
    joined.insert(joined.end(), v.begin() + r * 4, v.begin() + r * 4 + 4);
    joined.insert(joined.end(), 4, 0.f);
  }
  EXPECT_EQ(maxout(Tensor::from(joined, {5, 8}), 2).to_vector(), relu(x).to_vector());
}

TEST(Elementwise, Messages) {
  Tensor a = random_input({2, 3}, 1), b = random_input({2, 4}, 2),
         i = test::int_input({3}, 3, 0, 5);
  EXPECT_EQ(
      message_of([&] { add(a, b); }),
      "[add] expected shapes that broadcast together, got (2, 3) and (2, 4): they differ at axis "
      "1");
  EXPECT_EQ(
      message_of([&] { exp(i); }), "[exp] expected a floating dtype, got i32 (3); cast it first");
  EXPECT_EQ(
      message_of([&] { where(a, a, a); }),
      "[where] expected a bool condition, got f32 (2, 3); compare it with something");
  EXPECT_EQ(message_of([&] { clamp(a, 2, 1); }), "[clamp] expected lo <= hi, got [2, 1]");
  EXPECT_EQ(
      message_of([&] { prelu(a, random_input({2}, 1)); }),
      "[prelu] expected one slope or one per channel (3), got shape (2)");
  EXPECT_EQ(
      message_of([&] { maxout(a, 2); }),
      "[maxout] expected a last axis divisible by 2 pieces, got shape (2, 3)");
}

}  // namespace
}  // namespace fovea
