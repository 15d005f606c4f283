#include "fovea/backend/cpu/direct.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "fovea/backend/cpu/implementation.h"
#include "fovea/core/eval.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"
#include "tests/support/each_instruction_set.h"

// The kernels are called by themselves, for shapes that the convolution ops give to others, too.
namespace fovea {
namespace {

using cpu::ConvPass;
using test::random_input;

struct Case {
  Shape x, w;
  Conv2dOptions o;
};

const Case cases[] = {
    {{2, 12, 11, 1}, {6, 5, 5, 1}, {.pad = {2, 2, 2, 2}}},
    {{1, 28, 28, 1}, {6, 5, 5, 1}, {}},
    {{3, 9, 32, 3}, {8, 4, 4, 3}, {.stride = {2, 2}, .pad = {1, 1, 1, 1}}},
    {{20, 5, 7, 2}, {7, 3, 2, 2}, {.stride = {1, 3}, .pad = {0, 2, 1, 0}, .dilation = {2, 2}}},
    {{1, 1, 1, 1}, {1, 1, 2, 1}, {.pad = {0, 0, 1, 1}}},
    {{1, 2, 3, 4}, {5, 5, 5, 4}, {.pad = {4, 4, 4, 4}}},
    {{2, 8, 13, 3}, {13, 3, 3, 3}, {.pad = {1, 1, 1, 1}}},
    {{2, 8, 9, 4}, {24, 3, 3, 4}, {.pad = {1, 1, 1, 1}}},
    {{1, 9, 8, 3}, {37, 3, 3, 3}, {}},
    {{1, 6, 6, 2}, {64, 2, 2, 2}, {.stride = {2, 2}}},
    {{20, 24, 24, 1}, {64, 3, 3, 1}, {.pad = {1, 1, 1, 1}}},
    {{1, 7, 9, 1}, {75, 3, 3, 1}, {.stride = {3, 4}}},  // whose last columns no window reads
};

struct Inputs {
  Tensor x, w, b, dy;
  Conv2dOptions options;
  ConvExtents extents;

  explicit Inputs(const Case& c)
      : x(random_input(c.x, 1)),
        w(random_input(c.w, 2)),
        b(random_input({c.w[0]}, 3)),
        dy(random_input(conv2d_shape(c.x, c.w, c.o), 4)),
        options(c.o),
        extents(x.shape(), w.shape(), dy.shape(), options) {}
};

std::vector<float> numbers(const Tensor& t) {
  return {t.data<float>().begin(), t.data<float>().end()};
}
const float* in(const Tensor& t) { return t.data<float>().data(); }
float* out(Tensor& t) { return t.mutable_data<float>().data(); }
Tensor on_reference(const Tensor& t) { return to_device(t, Device{Device::ref}); }

void forward(const Inputs& i, const cpu::ConvFinish& finish, Tensor& y) {
  Workspace scratch{Device{}};
  fovea::Run run{Device{}, scratch};
  cpu::direct_forward(i.extents, in(i.x), in(i.w), finish, out(y), run);
}
Tensor forward(const Inputs& i, const cpu::ConvFinish& finish) {
  Tensor y = Tensor::empty(i.dy.shape());
  forward(i, finish, y);
  return y;
}

struct Gradients {
  Tensor dw, db;
};
Gradients weights(const Inputs& i, bool bias = true) {
  Workspace scratch{Device{}};
  fovea::Run run{Device{}, scratch};
  Gradients g{Tensor::empty(i.w.shape()), Tensor::empty(i.b.shape())};
  cpu::direct_weights(i.extents, in(i.x), in(i.dy), out(g.dw), bias ? out(g.db) : nullptr, run);
  return g;
}

class DirectConvolution : public test::EachInstructionSet {
 protected:
  template <class F>
  void for_each_case(F check) {
    for (const Case& c : cases) {
      const Inputs i(c);
      SCOPED_TRACE(c.x.str() + " by " + c.w.str());
      for_each_set([&] { check(i); });
    }
  }
};

TEST_F(DirectConvolution, ForwardAgreesWithReference) {
  for_each_case([](const Inputs& i) {
    const Tensor x = on_reference(i.x), w = on_reference(i.w), b = on_reference(i.b);
    const Tensor plain = conv2d(x, w, i.options).eval();
    const Tensor biased = conv2d(x, w, b, i.options).eval();
    const Tensor finished = relu(biased + on_reference(i.dy)).eval();
    EXPECT_LE(test::relative_error(forward(i, {}), plain), 1e-5);
    EXPECT_LE(test::relative_error(forward(i, {.bias = in(i.b)}), biased), 1e-5);
    EXPECT_LE(
        test::relative_error(forward(i, {.bias = in(i.b), .relu = true}), relu(biased).eval()),
        1e-5);
    EXPECT_LE(test::relative_error(forward(i, {in(i.b), in(i.dy), true}), finished), 1e-5);
    Tensor in_place = (i.dy + 0).eval();
    forward(i, {in(i.b), in(in_place), true}, in_place);
    EXPECT_LE(test::relative_error(in_place, finished), 1e-5);
  });
}

TEST_F(DirectConvolution, WeightsGradientAgreesWithReference) {
  for_each_case([](const Inputs& i) {
    std::vector<Tensor> expected = Tensor::outputs_of(
        std::make_shared<ConvBwdWeights>(i.options, i.w.dim(1), i.w.dim(2), true),
        {on_reference(i.x), on_reference(i.dy)});
    eval(expected);
    const Gradients both = weights(i);
    EXPECT_LE(test::relative_error(both.dw, expected[0]), 1e-5);
    EXPECT_LE(test::relative_error(both.db, expected[1]), 1e-5);
    EXPECT_LE(test::relative_error(weights(i, false).dw, expected[0]), 1e-5);
  });
}

TEST_F(DirectConvolution, BitsDoNotDependOnTheNumberOfThreads) {
  for (const Case& c : cases) {
    const Inputs i(c);
    set_threads(1);
    const Tensor y = forward(i, {.bias = in(i.b)});
    const Gradients g = weights(i);
    set_threads(3);
    EXPECT_EQ(numbers(forward(i, {.bias = in(i.b)})), numbers(y)) << c.x.str();
    const Gradients other = weights(i);
    EXPECT_EQ(numbers(other.dw), numbers(g.dw)) << c.x.str();
    EXPECT_EQ(numbers(other.db), numbers(g.db)) << c.x.str();
  }
}

// A pixel is computed beside its neighbours, whose numbers must not reach it.
TEST_F(DirectConvolution, NanStaysWithItsWindows) {
  Inputs i({{1, 5, 30, 1}, {6, 4, 4, 1}, {}});
  i.x = (i.x + 0).eval();
  i.x.mutable_data<float>()[2 * 30 + 12] = std::numeric_limits<float>::quiet_NaN();
  const Tensor y = forward(i, {.bias = in(i.b), .relu = true});
  for (int64_t row = 0; row < 2; ++row)
    for (int64_t column = 0; column < 27; ++column)
      for (int64_t o = 0; o < 6; ++o)
        EXPECT_EQ(
            std::isnan(y.data<float>()[size_t((row * 27 + column) * 6 + o)]),
            column >= 9 && column <= 12)
            << row << ' ' << column << ' ' << o;
}

TEST(Direct, IsForFewChannels) {
  auto applies = [](ConvPass pass, const Shape& x, const Shape& w, const Conv2dOptions& o = {}) {
    return cpu::direct_applies(pass, ConvExtents(x, w, conv2d_shape(x, w, o), o));
  };
  EXPECT_TRUE(applies(ConvPass::forward, {64, 28, 28, 1}, {6, 5, 5, 1}));
  EXPECT_FALSE(applies(ConvPass::forward, {64, 28, 28, 1}, {6, 3, 3, 1}));
  EXPECT_FALSE(applies(ConvPass::forward, {64, 28, 28, 1}, {16, 5, 5, 1}));
  EXPECT_FALSE(applies(ConvPass::forward, {64, 28, 28, 2}, {6, 5, 5, 1}, {.groups = 2}));
  EXPECT_TRUE(applies(ConvPass::backward_weights, {64, 32, 32, 3}, {16, 3, 3, 3}));
  EXPECT_FALSE(applies(ConvPass::backward_weights, {64, 32, 32, 3}, {96, 3, 3, 3}));
  EXPECT_FALSE(applies(ConvPass::backward_weights, {8, 224, 224, 3}, {64, 7, 7, 3}));
  EXPECT_FALSE(applies(ConvPass::backward_data, {64, 28, 28, 1}, {6, 5, 5, 1}));

  const Tensor x = random_input({2, 9, 9, 1}, 1), w = random_input({6, 5, 5, 1}, 2);
  const Tensor inputs[] = {x, w};
  EXPECT_EQ(cpu::conv_implementation(ConvFwd({}), inputs), "fovea:direct");
}

}  // namespace
}  // namespace fovea
