// Examples small enough to follow with pencil and paper, many of them from the course notes on
// backpropagation of CS231n (Karpathy, Johnson and Li).

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::random_input;

using Values = std::vector<float>;

Tensor number(double value) { return Tensor::from<double>({value}, {}); }

std::vector<double> slopes_of(const Tensor& f, const std::vector<Tensor>& wanted) {
  std::vector<double> slopes;
  for (const Tensor& g : grad(f, wanted)) slopes.push_back(g.item<double>());
  return slopes;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected, double by) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], by) << "number " << i;
}

TEST(WorkedExamples, SumTimesNumber) {
  Tensor x = number(-2), y = number(5), z = number(-4);
  Tensor q = x + y, f = q * z;
  EXPECT_EQ(slopes_of(f, {z, q, x, y}), (std::vector<double>{3, -4, -4, -4}));
  EXPECT_EQ(f.item(), -12);
  EXPECT_EQ(q.item(), 3);
}

TEST(WorkedExamples, SigmoidNeuron) {
  Tensor w0 = number(2), w1 = number(-3), w2 = number(-3), x0 = number(-1), x1 = number(-2);
  Tensor dot = w0 * x0 + w1 * x1 + w2, f = sigmoid(dot);
  std::vector<double> slopes = slopes_of(f, {dot, x0, x1, w0, w1, w2});
  expect_near(slopes, {0.1966, 0.3932, -0.5898, -0.1966, -0.3932, 0.1966}, 5e-5);
  EXPECT_EQ(dot.item(), 1);
  EXPECT_NEAR(f.item(), 0.7311, 5e-5);
}

TEST(WorkedExamples, SigmoidSlopeIsSTimesOneMinusS) {
  for (double at : {-4.0, -0.3, 0.0, 1.0, 2.5}) {
    Tensor x = number(at);
    double s = 1 / (1 + std::exp(-at)), h = 1e-5;
    double slope = grad(sigmoid(x), x).item<double>();
    EXPECT_NEAR(slope, s * (1 - s), 1e-12);
    double difference = (1 / (1 + std::exp(-at - h)) - 1 / (1 + std::exp(-at + h))) / (2 * h);
    EXPECT_NEAR(slope, difference, 1e-9);
  }
}

// f = (x + s(y)) / (s(x) + (x + y)^2), step by step; the slopes of the steps follow the chain rule.
TEST(WorkedExamples, StagedComputation) {
  Tensor x = number(3), y = number(-4);
  Tensor xpy = x + y, xpysqr = square(xpy), den = sigmoid(x) + xpysqr;
  Tensor num = x + sigmoid(y), f = num / den;
  std::vector<double> slopes = slopes_of(f, {x, y, den, xpysqr, xpy});
  expect_near({slopes[0], slopes[1]}, {2.0595697956, 1.5922327515}, 1e-9);
  EXPECT_NEAR(f.item<double>(), 1.5456448841, 1e-9);
  double n = num.item<double>(), d = den.item<double>();
  double dden = -n / (d * d), dxpysqr = dden, dxpy = 2 * xpy.item<double>() * dxpysqr;
  expect_near({slopes[2], slopes[3], slopes[4]}, {dden, dxpysqr, dxpy}, 1e-12);
}

TEST(WorkedExamples, Product) {
  Tensor x = number(4), y = number(-3), f = x * y;
  EXPECT_EQ(slopes_of(f, {x, y}), (std::vector<double>{-3, 4}));
  EXPECT_EQ(f.item(), -12);
}

TEST(Gates, AddDistributes) {
  Tensor a = number(7), b = number(-2), c = number(0.5);
  EXPECT_EQ(slopes_of((a + b + c) * 3, {a, b, c}), (std::vector<double>{3, 3, 3}));
}

TEST(Gates, MaxRoutes) {
  Tensor a = number(4), b = number(2);
  EXPECT_EQ(slopes_of(maximum(a, b), {a, b}), (std::vector<double>{1, 0}));
  EXPECT_EQ(slopes_of(maximum(b, a), {a, b}), (std::vector<double>{1, 0}));
}

TEST(Gates, ATieHasOneWinner) {
  Tensor a = number(2), b = number(2);
  EXPECT_EQ(slopes_of(maximum(a, b), {a, b}), (std::vector<double>{1, 0}));
  EXPECT_EQ(slopes_of(minimum(a, b), {a, b}), (std::vector<double>{1, 0}));
  Tensor row = Tensor::from<float>({1, 5, 5, 5}, {4});
  EXPECT_EQ(grad(max(row), row).to_vector(), (Values{0, 1, 0, 0}));
  Tensor zero = number(0);
  EXPECT_EQ(grad(relu(zero), zero).item(), 0);
}

TEST(Gates, MultiplySwitches) {
  Tensor x = number(3), y = number(-4), z = number(2), w = number(-1);
  Tensor f = (x * y + maximum(z, w)) * 2;
  EXPECT_EQ(slopes_of(f, {x, y, z, w}), (std::vector<double>{-8, 6, 2, 0}));
  EXPECT_EQ(f.item(), -20);
}

TEST(Gates, GradientsAddUpWhereAValueForks) {
  Tensor x = number(3);
  EXPECT_EQ(grad(x * x, x).item(), 6);
  EXPECT_EQ(grad(x * x + x * 5 + x, x).item(), 12);
  Tensor y = x * 2;
  EXPECT_EQ(slopes_of(y * y + y, {y, x}), (std::vector<double>{13, 26}));
}

TEST(Gates, OfOneInput) {
  const double at = 1.7;
  Tensor x = number(at);
  EXPECT_NEAR(grad(reciprocal(x), x).item<double>(), -1 / (at * at), 1e-12);
  EXPECT_NEAR(grad(1 / x, x).item<double>(), -1 / (at * at), 1e-12);
  EXPECT_EQ(grad(5 + x, x).item<double>(), 1);
  EXPECT_NEAR(grad(exp(x), x).item<double>(), std::exp(at), 1e-12);
  EXPECT_EQ(grad(5 * x, x).item<double>(), 5);
}

// A gate may be any function: the sigmoid alone, or made of four gates.
TEST(Gates, MayBeFused) {
  Tensor x = cast(random_input({13}, 1, -3, 3), Dtype::f64).eval();
  auto one = [](const Tensor& t) { return sigmoid(t); };
  auto four = [](const Tensor& t) { return 1 / (1 + exp(-t)); };
  EXPECT_LE(test::relative_error(one(x), four(x)), 1e-14);
  EXPECT_LE(test::relative_error(grad(sum(one(x)), x), grad(sum(four(x)), x)), 1e-14);
}

TEST(Vectorised, AnElementwiseJacobianIsDiagonal) {
  const int64_t n = 5;
  Tensor x = random_input({n}, 1);
  Tensor slopes = 1 - square(tanh(x));
  for (int64_t k = 0; k < n; ++k) {
    Tensor row = cast(equal(arange(n), double(k)), Dtype::f32);
    EXPECT_LE(test::relative_error(grad(tanh(x), x, row), slopes * row), 1e-6);
  }
}

// f = ||W x||^2: df/dx = 2 W^T q and df/dW = 2 q x^T with q = W x.
TEST(Vectorised, SquaredNormOfAProduct) {
  Tensor w = Tensor::from<double>({0.1, 0.5, -0.3, 0.8}, {2, 2});
  Tensor x = Tensor::from<double>({0.2, 0.4}, {2, 1});
  Tensor q = matmul(w, x), f = sum(square(q));
  std::vector<Tensor> grads = grad(f, std::vector<Tensor>{w, x, q});
  expect_near(q.to_doubles(), {0.22, 0.26}, 1e-12);
  EXPECT_NEAR(f.item<double>(), 0.116, 1e-12);
  expect_near(grads[0].to_doubles(), {0.088, 0.176, 0.104, 0.208}, 1e-12);
  expect_near(grads[1].to_doubles(), {-0.112, 0.636}, 1e-12);
  expect_near(grads[2].to_doubles(), {0.44, 0.52}, 1e-12);
  for (int64_t k = 0; k < 2; ++k) {  // dq_k / dx_i = W_ki
    Tensor row = cast(equal(arange(2), double(k)), Dtype::f64);
    Tensor slopes = grad(matmul(w, x), x, reshape(row, {2, 1}));
    std::vector<double> all = w.to_doubles();
    expect_near(slopes.to_doubles(), {all[size_t(2 * k)], all[size_t(2 * k + 1)]}, 1e-12);
  }
}

TEST(Vectorised, GradientsOfAMatrixProductHaveItsShapes) {
  Tensor w = random_input({5, 10}, 1), x = random_input({10, 3}, 2), dd = random_input({5, 3}, 3);
  std::vector<Tensor> grads = grad(matmul(w, x), std::vector<Tensor>{w, x}, dd);
  EXPECT_EQ(grads[0].shape().str(), "(5, 10)");
  EXPECT_EQ(grads[1].shape().str(), "(10, 3)");
  EXPECT_LE(test::relative_error(grads[0], matmul(dd, transpose(x))), 1e-6);
  EXPECT_LE(test::relative_error(grads[1], matmul(transpose(w), dd)), 1e-6);
}

}  // namespace
}  // namespace fovea
