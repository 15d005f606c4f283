#include "fovea/optim/line_method.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/core/random.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/loss.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/optim/factory.h"
#include "fovea/optim/lbfgs.h"
#include "fovea/optim/newton.h"
#include "fovea/optim/surfaces.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::optim {
namespace {

using test::message_of;

Tensor number(double x) { return Tensor::from({x}, {}, {Device::ref}); }
Tensor doubles(const std::vector<double>& v, const Shape& shape) {
  return Tensor::from<double>(v, shape, {Device::ref});
}

Objective on(const Surface& s) {
  return [&s](const Tree& p) { return s.f(p.at("x"), p.at("y")); };
}
Tree start_of(const Surface& s) { return {{"x", number(s.start[0])}, {"y", number(s.start[1])}}; }

// The distance to the nearest minimum.
double distance(const Surface& s, const Tree& p) {
  double least = 1e300;
  for (const auto& m : s.minima)
    least = std::min(
        least, std::hypot(p.at("x").item<double>() - m[0], p.at("y").item<double>() - m[1]));
  return least;
}

// w^T A w / 2 - b^T w with A of condition 100, whose minimum solves A w = b.
struct Quadratic {
  size_t n;
  std::vector<double> a, b;
  explicit Quadratic(size_t size) : n(size), a(n * n, 0), b(n) {
    Rng rng(Key(3));
    std::vector<double> u(n);
    double squares = 0;
    for (double& x : u) {
      x = rng.normal();
      squares += x * x;
    }
    // H D H with the mirror H = I - 2 u u^T / u^T u and D from 1 to 100.
    auto mirror = [&](size_t i, size_t j) { return double(i == j) - 2 * u[i] * u[j] / squares; };
    for (size_t i = 0; i < n; ++i) {
      b[i] = rng.normal();
      for (size_t j = 0; j < n; ++j)
        for (size_t k = 0; k < n; ++k)
          a[i * n + j] += mirror(i, k) * (1 + 99.0 * double(k) / double(n - 1)) * mirror(k, j);
    }
  }
  Objective f() const {
    const auto m = int64_t(n);
    return [A = doubles(a, {m, m}), B = doubles(b, {m, 1})](const Tree& p) {
      const Tensor& w = p.at("w");
      return sum(w * matmul(A, w)) * 0.5 - sum(B * w);
    };
  }
  Tree start() const { return {{"w", doubles(std::vector<double>(n, 1), {int64_t(n), 1})}}; }
  double error(const Tree& p) const {  // of A w = b
    const auto w = flatten(p);
    double most = 0;
    for (size_t i = 0; i < n; ++i) {
      double row = -b[i];
      for (size_t j = 0; j < n; ++j) row += a[i * n + j] * w[j];
      most = std::max(most, std::abs(row));
    }
    return most;
  }
};

// Softmax regression with a penalty, so that there is one minimum.
struct Regression {
  Tensor x = cast(to_device(test::random_input({40, 4}, 1), {Device::ref}), Dtype::f64);
  Tensor labels = to_device(test::int_input({40}, 2, 0, 3), {Device::ref});
  Objective f() const {
    return [this](const Tree& p) {
      return cross_entropy(linear(x, p.at("w"), p.at("b")), labels) +
             0.01 * (sum(square(p.at("w"))) + sum(square(p.at("b"))));
    };
  }
  Tree start() const {
    return {
        {"w", doubles(std::vector<double>(12, 0), {3, 4})},
        {"b", doubles(std::vector<double>(3, 0), {3})}};
  }
};

TEST(StrongWolfe, FindsStepsWithBothConditions) {  // function 1 of More and Thuente 1994
  auto f = [](double t) {
    const double d = t * t + 2;
    return LinePoint{t, -t / d, (t * t - 2) / (d * d)};
  };
  for (double c2 : {0.9, 0.1, 1.5e-4})
    for (double first : {1e-3, 0.1, 1.0, 10.0, 1000.0}) {
      const LineSearchOptions o{.c1 = 1e-4, .c2 = c2};
      const LineSearchResult r = strong_wolfe(f, f(0), first, o);
      EXPECT_TRUE(r.good) << c2 << " " << first;
      EXPECT_LE(r.point.value, f(0).value + o.c1 * r.point.step * f(0).slope);
      EXPECT_LE(std::abs(r.point.slope), c2 * std::abs(f(0).slope));
      if (c2 < 0.001) {
        EXPECT_NEAR(r.point.step, std::sqrt(2.0), 1e-3);
      }
    }
}

TEST(StrongWolfe, TakesValuesThatAreNotFiniteForTooHigh) {
  auto f = [](double t) {  // -log(1 - t) - 3 t: falls to t = 2/3, ends at 1
    return LinePoint{t, -std::log(1 - t) - 3 * t, 1 / (1 - t) - 3};
  };
  const LineSearchResult r = strong_wolfe(f, f(0), 8, {.c2 = 0.01});
  EXPECT_TRUE(r.good);
  EXPECT_NEAR(r.point.step, 2.0 / 3, 0.01);
}

TEST(StrongWolfe, GivesTheLowestPointWhereNoneIsGood) {
  int asked = 0;
  auto f = [&](double t) {
    ++asked;
    return LinePoint{t, -t, -1};  // falls for ever
  };
  const LineSearchResult r = strong_wolfe(f, {0, 0, -1}, 1, {.evaluations = 5});
  EXPECT_FALSE(r.good);
  EXPECT_EQ(asked, 5);
  EXPECT_EQ(r.point.step, 16);
  EXPECT_HAS(
      message_of([&] {
        strong_wolfe(f, {0, 0, 1}, 1);
      }),
      "[strong_wolfe] expected a line that falls");
  EXPECT_HAS(message_of([&] { strong_wolfe(f, {0, 0, -1}, 1, {.c1 = 0.95}); }), "c1 < c2 < 1");
}

TEST(Hessian, IsThatOfTheFormula) {  // of Rosenbrock's function at (-1.2, 1)
  const Surface& s = surface("rosenbrock");
  const std::vector<double> h = hessian(on(s), start_of(s));
  const double expected[] = {1330, 480, 480, 200};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(h[i], expected[i], 1e-9);
}

TEST(Hessian, AgreesWithDifferencesOfTheSlopeOverSeveralTensors) {
  const Regression r;
  Tree p = unflatten({.3, -.2, .1, .4, .5, -.6, .7, .8, -.9, .1, .2, .3, -.4, .5, .6}, r.start());
  const std::vector<double> h = hessian(r.f(), p), at = flatten(p);
  ASSERT_EQ(h.size(), 225u);
  const double eps = 1e-5;
  for (size_t i = 0; i < 15; ++i) {
    std::vector<double> up = at, down = at;
    up[i] += eps;
    down[i] -= eps;
    const auto more = value_and_slope(r.f(), unflatten(up, p)).slope;
    const auto less = value_and_slope(r.f(), unflatten(down, p)).slope;
    for (size_t j = 0; j < 15; ++j)
      EXPECT_NEAR(h[i * 15 + j], (more[j] - less[j]) / (2 * eps), 1e-8) << i << ", " << j;
  }
}

TEST(Newton, SolvesAQuadraticInOneStep) {  // OPT-16
  const Quadratic q(6);
  Tree p = q.start();
  Newton newton;
  EXPECT_TRUE(newton.step(p, q.f()).moved);
  EXPECT_LT(q.error(p), 1e-10);
}

TEST(Newton, ReachesAMinimumOfEverySurface) {
  for (const Surface& s : surfaces()) {
    Newton newton;
    Tree p = start_of(s);
    const Minimized m = minimize(newton, p, on(s), {.steps = 60, .tolerance = 1e-9});
    EXPECT_TRUE(m.converged) << s.name;
    EXPECT_NEAR(m.loss, s.least, 1e-12) << s.name;
    EXPECT_LT(distance(s, p), 1e-7) << s.name;  // not the saddle point, to which -H^-1 g points
    EXPECT_LT(m.steps, 30) << s.name;
  }
}

// Second derivatives of 1.7e308 and -1.7e308: what must be added to the one is too much for the
// other.
TEST(Newton, TakesSteepestDescentWhereNoMultipleOfTheIdentityHelps) {
  Newton newton;
  Tree p{{"x", number(1e-200)}, {"y", number(1e-200)}};
  const Tree before = p;
  newton.step(p, [](const Tree& t) { return 0.85e308 * (square(t.at("x")) - square(t.at("y"))); });
  EXPECT_EQ(flatten(p), flatten(before));  // the line search finds no step so short
}

TEST(Lbfgs, ReachesAMinimumOfEverySurface) {  // OPT-18
  for (int history : {1, 10})
    for (const Surface& s : surfaces()) {
      Lbfgs lbfgs({.history = history});
      Tree p = start_of(s);
      const Minimized m = minimize(lbfgs, p, on(s), {.steps = 200, .tolerance = 1e-7});
      EXPECT_TRUE(m.converged) << s.name << " " << m.slope;
      EXPECT_NEAR(m.loss, s.least, 1e-12) << s.name;
      EXPECT_LT(distance(s, p), 1e-6) << s.name;
      if (history == 10) {
        EXPECT_LT(m.steps, 45) << s.name;
      }
    }
}

TEST(Lbfgs, SolvesALargerQuadraticInFewSteps) {
  const Quadratic q(30);
  Tree p = q.start();
  Lbfgs lbfgs;
  const Minimized m = minimize(lbfgs, p, q.f(), {.steps = 100, .tolerance = 1e-6});
  EXPECT_TRUE(m.converged);
  EXPECT_LE(q.error(p), 1e-6);
  EXPECT_LT(m.steps, 60);
}

// A power of two scales without rounding, so every step must be the same to the bit.
TEST(Lbfgs, DoesNotDependOnTheUnitOfTheLoss) {
  const Quadratic q(30);
  const double unit = std::ldexp(1, 40);
  const Objective scaled = [f = q.f(), unit](const Tree& p) { return f(p) * unit; };
  Tree a = q.start(), b = q.start();
  Lbfgs one, other;
  minimize(one, a, q.f(), {.steps = 20, .tolerance = 0});
  minimize(other, b, scaled, {.steps = 20, .tolerance = 0});
  EXPECT_EQ(flatten(a), flatten(b));
}

TEST(LineMethods, AgreeOnSoftmaxRegression) {
  const Regression r;
  Tree a = r.start(), b = r.start();
  Newton newton;
  Lbfgs lbfgs;
  const Minimized one = minimize(newton, a, r.f(), {.tolerance = 1e-7});
  const Minimized other = minimize(lbfgs, b, r.f(), {.tolerance = 1e-7});
  EXPECT_TRUE(one.converged && other.converged);
  EXPECT_LE(one.steps, 8);
  EXPECT_NEAR(one.loss, other.loss, 1e-12);
  EXPECT_LT(one.loss, value_and_slope(r.f(), r.start()).value - 0.05);
  const auto x = flatten(a), y = flatten(b);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], 1e-5);
}

TEST(LineMethods, GoDownAtEachStepAndStandStillAtTheEnd) {
  const Surface& s = surface("beale");
  Lbfgs lbfgs;
  Tree p = start_of(s);
  double loss = value_and_slope(on(s), p).value;
  LineStep step;
  for (int i = 0; i < 60; ++i) {
    step = lbfgs.step(p, on(s));
    if (!step.moved) break;
    EXPECT_LT(step.loss, loss);
    loss = step.loss;
  }
  EXPECT_FALSE(step.moved);
  const auto end = flatten(p);
  lbfgs.step(p, on(s));
  EXPECT_EQ(flatten(p), end);

  Lbfgs flat;  // slopes whose squares are 0 in double
  Tree low{{"x", number(3)}};
  EXPECT_FALSE(flat.step(low, [](const Tree& t) { return 1e-200 * square(t.at("x")); }).moved);

  // Another point is met with its own value, not with the last one's.
  p = start_of(s);
  const double before = value_and_slope(on(s), p).value;
  step = lbfgs.step(p, on(s));
  EXPECT_TRUE(step.moved);
  EXPECT_LT(step.loss, before);
  EXPECT_GT(step.loss, loss);
}

// A step that is good need not be the lowest of those tried: 1 is lower than 1/2 here and falls too
// little for its length.
TEST(LineMethods, TakeTheGoodStepWhereALowerOneWasSeen) {
  Lbfgs lbfgs({.line = {.c1 = 0.6}});
  Tree p{{"x", number(1)}};
  const LineStep step = lbfgs.step(p, [](const Tree& t) { return square(t.at("x")) * 0.5; });
  EXPECT_TRUE(step.moved);
  EXPECT_EQ(p.at("x").item<double>(), 0.5);
  EXPECT_EQ(step.loss, 0.125);
  EXPECT_EQ(step.slope, 0.5);
}

// Rounding hides the fall: the value stays, the slope does not.
TEST(LineMethods, GiveTheSlopeOfAStepWhoseValueIsThatOfTheStart) {
  Lbfgs lbfgs;
  Tree p{{"x", number(1)}};
  const LineStep step = lbfgs.step(p, [](const Tree& t) { return square(t.at("x")) + 1e16; });
  EXPECT_TRUE(step.moved);
  EXPECT_EQ(p.at("x").item<double>(), 0);
  EXPECT_EQ(step.loss, 1e16);
  EXPECT_EQ(step.slope, 0);
}

TEST(LineMethods, RefuseWhatDoesNotFit) {
  Lbfgs lbfgs;
  Tree p{{"x", number(1)}};
  EXPECT_HAS(
      message_of([&] { lbfgs.step(p, [](const Tree& t) { return log(t.at("x") - 2); }); }),
      "[line_method] expected a finite objective, got");
  EXPECT_HAS(
      message_of(
          [&] { lbfgs.step(p, [](const Tree& t) { return broadcast_to(t.at("x"), {2}); }); }),
      "[objective] expected a scalar, got shape (2)");
  EXPECT_HAS(
      message_of([&] {
        hessian(
            [](const Tree& t) { return sum(t.at("w")); }, {{"w", test::random_input({5000}, 1)}});
      }),
      "[hessian] expected at most 4096 parameters, got 5000");
  EXPECT_HAS(message_of([] { Lbfgs({.history = 0}); }), "expected a history of at least 1, got 0");
  EXPECT_HAS(message_of([] { surface("bowl"); }), "[surface] expected one of ravine, rosenbrock");
}

// The minima are where the table says, and the starts are not.
TEST(Surfaces, HaveTheirMinimaWhereTheTableSays) {
  for (const Surface& s : surfaces()) {
    for (const auto& m : s.minima) {
      const ValueAndSlope v = value_and_slope(on(s), {{"x", number(m[0])}, {"y", number(m[1])}});
      EXPECT_NEAR(v.value, s.least, 1e-12) << s.name;
      for (double d : v.slope) EXPECT_NEAR(d, 0, 1e-6) << s.name;
      EXPECT_TRUE(m[0] > s.view[0] && m[0] < s.view[1] && m[1] > s.view[2] && m[1] < s.view[3]);
    }
    EXPECT_GT(value_and_slope(on(s), start_of(s)).value, s.least + 0.5) << s.name;
  }
}

TEST(Surfaces, EveryOptimiserOfATableGoesDownThem) {  // OPT-24
  for (const Surface& s : surfaces())
    for (const MethodInfo& m : optimizer_table()) {
      auto optimizer = make_optimizer({{"name", m.name}});
      Tree p = start_of(s);
      const double before = value_and_slope(on(s), p).value;
      for (int i = 0; i < 60; ++i) {
        optimizer->step(p, unflatten(value_and_slope(on(s), p).slope, p));
        eval(values_of(p));
      }
      EXPECT_LT(value_and_slope(on(s), p).value, before) << m.name << " on " << s.name;
    }
}

}  // namespace
}  // namespace fovea::optim
