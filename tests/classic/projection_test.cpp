#include "fovea/classic/projection.h"

#include <cmath>

#include "fovea/core/symmetric_eigen.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/nearest.h"
#include "fovea/ops/reduce.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::classic {
namespace {

// Normal samples whose deviation along axis i is 0.8^i, turned and moved.
Tensor samples(int64_t n, int64_t dims) {
  std::vector<float> scale;
  for (int64_t i = 0; i < dims; ++i) scale.push_back(std::pow(0.8f, float(i)));
  const Tensor mixed = test::random_input({dims, dims}, 5);
  return (matmul(test::random_input({n, dims}, 4) * Tensor::from(scale, {dims}), mixed) + 3).eval();
}

// (D, D), of x (N, D).
std::vector<double> covariance_of(const Tensor& x) {
  const Tensor wide = cast(x, Dtype::f64);
  const Tensor centred = wide - mean(wide, {0});
  return (matmul(centred, centred, {.transpose_a = true}) / double(x.dim(0))).to_doubles();
}

Examples examples(const Tensor& x) {
  return {.x = x, .labels = test::int_input({x.dim(0)}, 1, 0, 2), .classes = 2, .key = Key(1)};
}

Tensor projected(Projection& p, const Tensor& x) {
  p.fit(examples(x));
  nn::Ctx ctx;
  return p.forward(x, ctx).eval();
}

TEST(PrincipalAxes, AreThoseOfTheCovariance) {
  for (int64_t dims : {3, 40}) {
    const Tensor x = samples(200, dims);
    const int64_t count = dims == 3 ? 3 : 6;
    const Eigen exact = symmetric_eigen(covariance_of(x), int(dims));
    const PrincipalAxes found = principal_axes(x, count, Key(1));
    const std::vector<double> axes = found.axes.to_doubles();
    for (int64_t a = 0; a < count; ++a) {
      EXPECT_NEAR(found.variances[size_t(a)] / exact.values[size_t(a)], 1, 1e-4);
      double along = 0;
      for (int64_t i = 0; i < dims; ++i)
        along += axes[size_t(a * dims + i)] * exact.vectors[size_t(a * dims + i)];
      EXPECT_NEAR(along, 1, 1e-3) << "axis " << a << " of " << dims;
    }
  }
}

TEST(Projection, MakesValuesUncorrelated) {  // DAT-23
  const Tensor x = samples(300, 12);
  const Eigen exact = symmetric_eigen(covariance_of(x), 12);
  Projection p({.in = 12, .dims = 12});
  const Tensor y = projected(p, x);
  const std::vector<double> covariance = covariance_of(y);
  for (size_t i = 0; i < 12; ++i)
    for (size_t j = 0; j < 12; ++j)
      EXPECT_NEAR(covariance[12 * i + j], i == j ? exact.values[i] : 0, 1e-5 * exact.values[0]);
  for (double m : mean(y, {0}).to_doubles()) EXPECT_NEAR(m, 0, 1e-5);
}

// The term below the root holds back axes of little variance v: v / (v + 1e-5).
TEST(Projection, MakesVariancesOneWhereItWhitens) {  // DAT-24, E-13: by sqrt(variance + eps)
  for (double scale : {1.0, 1e-3}) {
    const Tensor x = (samples(300, 12) * scale).eval();
    const Eigen exact = symmetric_eigen(covariance_of(x), 12);
    Projection p({.in = 12, .dims = 4, .whiten = true});
    const std::vector<double> covariance = covariance_of(projected(p, x));
    for (size_t i = 0; i < 4; ++i)
      for (size_t j = 0; j < 4; ++j)
        EXPECT_NEAR(
            covariance[4 * i + j], i == j ? exact.values[i] / (exact.values[i] + 1e-5) : 0, 1e-3);
  }
}

// Of what does not depend on all its values, axes beyond the rank still are orthonormal.
TEST(Projection, TakesDataOfLowerRank) {
  const Tensor x = matmul(test::random_input({50, 2}, 1), test::random_input({2, 9}, 2)).eval();
  const PrincipalAxes found = principal_axes(x, 5, Key(1));
  const std::vector<double> products =
      matmul(found.axes, found.axes, {.transpose_b = true}).to_doubles();
  for (size_t i = 0; i < 5; ++i)
    for (size_t j = 0; j < 5; ++j) EXPECT_NEAR(products[5 * i + j], i == j, 1e-4);
  EXPECT_NEAR(found.variances[3], 0, 1e-6);
}

// Johnson and Lindenstrauss: distances stay within a few times 1 / sqrt(dims).
TEST(Projection, AtRandomKeepsDistances) {
  const Tensor x = test::random_input({30, 500}, 7);
  Projection p({.kind = ProjectionKind::random, .in = 500, .dims = 400});
  const Tensor y = projected(p, x);
  const Tensor before = nearest(x, x, {.k = 30}).distances,
               after = nearest(y, y, {.k = 30}).distances;
  EXPECT_NEAR(sum(after).item<double>() / sum(before).item<double>(), 1, 0.03);
}

TEST(Projection, RefusesWhatDoesNotFit) {
  EXPECT_HAS(test::message_of([] { Projection({.in = 4, .dims = 5}); }), "from 1 to the 4 values");
  EXPECT_HAS(
      test::message_of(
          [] { Projection({.kind = ProjectionKind::random, .in = 4, .dims = 2, .whiten = true}); }),
      "whiten with kind = pca");
  Projection p({.in = 6, .dims = 5});
  EXPECT_HAS(test::message_of([&] { p.fit(examples(test::random_input({5, 6}, 1))); }), "N above");
  EXPECT_HAS(test::message_of([] { projection_named("lda"); }), "pca or random");
}

}  // namespace
}  // namespace fovea::classic
