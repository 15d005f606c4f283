// Gradient checks at kinks, and where there is no gradient to check.
#include <gtest/gtest.h>

#include "fovea/autograd/gradcheck.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

const Fn clipped = [](std::span<const Tensor> in) { return std::vector<Tensor>{relu(in[0])}; };

Tensor values(std::vector<double> v) { return Tensor::from(v, {int64_t(v.size())}); }

TEST(GradCheckPiecewise, StepsOverNoKinkThatIsNear) {
  const Tensor x = values({1, -1, 3e-7, -3e-7, 5e-6, 0.4});
  EXPECT_GT(gradcheck(clipped, {x}).max_rel_err, 0.1);  // a step of 1e-5 reaches over it
  const PrimalCheck c = gradcheck_piecewise(clipped, {x})[0];
  EXPECT_TRUE(c.passed()) << c.where;
  EXPECT_EQ(c.tried, 6);
  EXPECT_EQ(c.kinks, 0);
  EXPECT_EQ(c.flat, 2);  // the negative ones
}

TEST(GradCheckPiecewise, TakesAnySlopeBetweenTheSidesOfAKink) {
  auto with_slope_at_0 = [](double slope) {
    return custom_vjp(
        [](std::span<const Tensor> in) { return std::vector<Tensor>{relu(in[0])}; },
        [slope](std::span<const Tensor> in, std::span<const Tensor>, std::span<const Tensor> dout) {
          const Tensor x = in[0], one = full_like(x, 1);
          return std::vector<Tensor>{
              dout[0] * where(greater(x, 0), one, where(less(x, 0), one * 0, one * slope))};
        });
  };
  const Tensor x = values({0, 2, -2});
  for (double slope : {0.0, 0.3, 1.0}) {
    const PrimalCheck c = gradcheck_piecewise(with_slope_at_0(slope), {x})[0];
    EXPECT_TRUE(c.passed()) << slope << ": " << c.where;
    EXPECT_EQ(c.kinks, 1);
  }
  const PrimalCheck c = gradcheck_piecewise(with_slope_at_0(1.7), {x})[0];
  EXPECT_EQ(c.wrong, 1);
  EXPECT_EQ(c.where.rfind("element 0: ", 0), 0u) << c.where;
}

TEST(GradCheckPiecewise, FindsAWrongGradientBesideKinks) {
  const Fn leaky = custom_vjp(
      clipped,
      [](std::span<const Tensor> in, std::span<const Tensor>, std::span<const Tensor> dout) {
        return std::vector<Tensor>{dout[0] * where(greater(in[0], 0), 1.0, 0.01)};
      });
  const PrimalCheck c = gradcheck_piecewise(leaky, {values({1, -1, 2, -2})})[0];
  EXPECT_FALSE(c.passed());
  EXPECT_EQ(c.wrong, 2);
  EXPECT_NEAR(c.max_rel_err, 0.01, 0.006);
}

// Every gradient of zeros agrees with a function that is flat.
TEST(GradCheckPiecewise, PassesNothingThatIsDeadOrSaturated) {
  const Fn f = [](std::span<const Tensor> in) {
    return std::vector<Tensor>{tanh(in[0] * 1e3) + in[1]};
  };
  const auto checks = gradcheck_piecewise(f, {values({1, -2}), values({1, 2})});
  EXPECT_FALSE(checks[0].tested());
  EXPECT_FALSE(checks[0].passed());
  EXPECT_EQ(checks[0].flat, 2);
  EXPECT_TRUE(checks[1].passed());
}

TEST(GradCheckPiecewise, CountsNoDifferenceThatIsLostInRounding) {
  const Fn f = [](std::span<const Tensor> in) {
    return std::vector<Tensor>{in[0] * 1e-12 + 1e6, in[1] * 1.0};
  };
  const auto checks = gradcheck_piecewise(f, {values({1, 2}), values({1, 2})});
  EXPECT_EQ(checks[0].wrong, 0);
  EXPECT_FALSE(checks[0].tested());
  EXPECT_TRUE(checks[1].passed()) << checks[1].where;
}

TEST(GradCheckPiecewise, TriesSomeOfManyElements) {
  const Tensor x = test::random_input({40, 50}, 1);
  const auto checks = gradcheck_piecewise(
      [](std::span<const Tensor> in) { return std::vector<Tensor>{square(in[0])}; },
      {x},
      {.most = 30});
  EXPECT_EQ(checks[0].tried, 30);
  EXPECT_TRUE(checks[0].passed()) << checks[0].where;
  EXPECT_THROW(gradcheck_piecewise(clipped, {x}, {.eps = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace fovea
