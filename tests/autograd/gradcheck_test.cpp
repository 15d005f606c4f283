#include "fovea/autograd/gradcheck.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/reduce.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::random_input;

// in[0] * in[1] with the gradients scaled by a and b.
Fn product(double a, double b) {
  return custom_vjp(
      [](std::span<const Tensor> in) { return std::vector<Tensor>{in[0] * in[1]}; },
      [=](std::span<const Tensor> in, std::span<const Tensor>, std::span<const Tensor> dout) {
        return std::vector<Tensor>{dout[0] * in[1] * a, dout[0] * in[0] * b};
      });
}

const std::vector<Tensor> inputs{random_input({2, 3}, 1), random_input({2, 3}, 2)};

TEST(GradCheck, AcceptsARightGradient) {
  GradCheck check = gradcheck(product(1, 1), inputs);
  EXPECT_LE(check.max_rel_err, 1e-8) << check.where;
  EXPECT_LE(gradcheck_twice(product(1, 1), inputs).max_rel_err, 1e-8);
}

TEST(GradCheck, FindsAWrongGradient) {
  GradCheck check = gradcheck(product(1, 1.01), inputs);
  EXPECT_NEAR(check.max_rel_err, 0.01 / 1.01, 1e-4);
  EXPECT_EQ(check.where.rfind("primal 1, element ", 0), 0u) << check.where;
  EXPECT_NEAR(gradcheck(product(-1, 1), inputs).max_rel_err, 2, 1e-6);
}

TEST(GradCheck, FindsAMissingGradient) {
  Fn cut = [](std::span<const Tensor> in) {
    return std::vector<Tensor>{stop_gradient(in[0]) * in[1]};
  };
  GradCheck check = gradcheck(cut, inputs);
  EXPECT_NEAR(check.max_rel_err, 1, 1e-6);
  EXPECT_EQ(check.where.rfind("primal 0, element ", 0), 0u) << check.where;
}

TEST(GradCheck, FindsErrorsThatCancelInAPlainSum) {
  // Swapping two elements of the gradient leaves the sum of all outputs' gradients as it was.
  Fn swapped = custom_vjp(
      [](std::span<const Tensor> in) { return std::vector<Tensor>{in[0] * 1}; },
      [](std::span<const Tensor>, std::span<const Tensor>, std::span<const Tensor> dout) {
        return std::vector<Tensor>{take(dout[0], Tensor::from<int32_t>({1, 0}, {2}))};
      });
  EXPECT_GT(gradcheck(swapped, {random_input({2}, 1)}).max_rel_err, 0.01);
}

TEST(GradCheck, FindsAWrongSecondDerivative) {
  Fn rule_without_slope = custom_vjp(
      [](std::span<const Tensor> in) { return std::vector<Tensor>{square(in[0])}; },
      [](std::span<const Tensor> in, std::span<const Tensor>, std::span<const Tensor> dout) {
        return std::vector<Tensor>{dout[0] * 2 * stop_gradient(in[0])};
      });
  std::vector<Tensor> x{random_input({3}, 1)};
  EXPECT_LE(gradcheck(rule_without_slope, x).max_rel_err, 1e-8);
  EXPECT_GT(gradcheck_twice(rule_without_slope, x).max_rel_err, 0.5);
}

TEST(GradCheck, CountsANanAsWrong) {
  Fn bad = custom_vjp(
      [](std::span<const Tensor> in) { return std::vector<Tensor>{in[0] * 1}; },
      [](std::span<const Tensor>, std::span<const Tensor>, std::span<const Tensor> dout) {
        return std::vector<Tensor>{dout[0] * NAN};
      });
  EXPECT_EQ(gradcheck(bad, {ones({2})}).max_rel_err, INFINITY);
}

TEST(GradCheck, PassesIntegersOn) {
  Fn f = [](std::span<const Tensor> in) {
    EXPECT_EQ(in[1].dtype(), Dtype::i32);
    return std::vector<Tensor>{square(take(in[0], in[1])), in[1]};
  };
  GradCheck check = gradcheck(f, {random_input({4}, 1), Tensor::from<int32_t>({3, 3, 0}, {3})});
  EXPECT_LE(check.max_rel_err, 1e-8) << check.where;
}

}  // namespace
}  // namespace fovea
