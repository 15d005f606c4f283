#include "fovea/ops/softmax.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "tests/support/check_op.h"

namespace fovea {

using test::check_op;
using test::message_of;
using test::random_input;
using test::relative_error;

namespace {

TEST(Softmax, AgreesWithReferenceAndNumericalGradients) {
  for (int64_t n : {1, 3, 7, 13, 24, 100})
    for (const Shape& shape : {Shape{0, n}, Shape{n}, Shape{5, n}, Shape{2, 3, n}})
      check_op(
          {.name = "softmax " + shape.str(),
           .f = [](std::span<const Tensor> in) -> std::vector<Tensor> {
             return {softmax(in[0]), log_softmax(in[0]), logsumexp(in[0])};
           },
           .inputs = {random_input(shape, 1, -3, 3)},
           .second = shape.numel() < 50});
}

TEST(Softmax, TakesAnyAxis) {
  for (int axis : {0, 1, 2, -3})
    check_op(
        {.name = "softmax over axis " + std::to_string(axis),
         .f = [axis](std::span<const Tensor> in) -> std::vector<Tensor> {
           return {
               softmax(in[0], axis),
               log_softmax(in[0], axis),
               logsumexp(in[0], axis),
               logsumexp(in[0], axis, {.keep = true})};
         },
         .inputs = {random_input({3, 2, 5}, 1)}});
}

TEST(Softmax, SumsToOne) {
  Tensor x = random_input({17, 1000}, 1, -20, 20);
  for (double v : sum(softmax(x), {-1}).to_doubles()) EXPECT_NEAR(v, 1, 1e-6);
}

TEST(Softmax, IgnoresACommonShift) {
  Tensor x = Tensor::from({1.0f, 2.0f, 3.0f, -4.0f}, {4});
  EXPECT_EQ(relative_error(softmax(x + 1000), softmax(x)), 0);
  EXPECT_EQ(relative_error(log_softmax(x + 1000), log_softmax(x)), 0);
  EXPECT_NEAR(logsumexp(x + 1000).item(), 1000 + logsumexp(x).item(), 1e-4);
}

TEST(Softmax, TreatsInfinitiesAlikeOnBothBackends) {
  constexpr float inf = INFINITY;
  Tensor x = Tensor::from({-inf, 0.0f, 1.0f, -inf, -inf, -inf, 0.0f, NAN, 1.0f}, {3, 3});
  for (auto* f :
       {+[](const Tensor& t) { return softmax(t); },
        +[](const Tensor& t) { return log_softmax(t); }}) {
    std::vector<double> fast = f(x).to_doubles();
    std::vector<double> slow = f(to_device(x, {Device::ref})).to_doubles();
    for (size_t i = 0; i < fast.size(); ++i) {
      if (std::isnan(slow[i]) || std::isinf(slow[i]))
        EXPECT_TRUE(std::isnan(fast[i]) == std::isnan(slow[i]) && !std::isfinite(fast[i])) << i;
      else
        EXPECT_NEAR(fast[i], slow[i], 1e-6) << i;
    }
  }
  EXPECT_EQ(softmax(x).to_vector()[0], 0);
}

TEST(Softmax, ExplainsWhatItExpects) {
  EXPECT_NE(
      message_of([] {
        softmax(zeros({3, 0}));
      }).find("one score or more"),
      std::string::npos);
  EXPECT_NE(
      message_of([] { log_softmax(zeros({3}, Dtype::i32)); }).find("[log_softmax] expected f32"),
      std::string::npos);
}

}  // namespace

}  // namespace fovea
