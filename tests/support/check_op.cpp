#include "tests/support/check_op.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "fovea/autograd/gradcheck.h"
#include "fovea/core/eval.h"
#include "fovea/core/random.h"
#include "fovea/ops/elementwise.h"

namespace fovea::test {

namespace {

std::vector<Tensor> on_device(const std::vector<Tensor>& inputs, Device device) {
  std::vector<Tensor> moved;
  for (const Tensor& t : inputs) moved.push_back(to_device(t, device));
  return moved;
}

std::vector<Tensor> run(const OpCase& c, Device device, EvalMode mode) {
  DeviceScope scope(device);
  EvalModeScope mode_scope(mode);
  std::vector<Tensor> outputs = c.f(on_device(c.inputs, device));
  eval(outputs);
  return outputs;
}

// Gradients of the outputs, weighted so that no two elements count the same.
std::vector<Tensor> gradients(const OpCase& c, Device device, EvalMode mode) {
  DeviceScope scope(device);
  EvalModeScope mode_scope(mode);
  std::vector<Tensor> all = on_device(c.inputs, device), leaves;
  std::vector<size_t> which;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!is_float(all[i].dtype())) continue;
    which.push_back(i);
    leaves.push_back(all[i]);
  }
  Fn f = [&](std::span<const Tensor> in) {
    for (size_t i = 0; i < which.size(); ++i) all[which[i]] = in[i];
    std::vector<Tensor> outputs;
    for (const Tensor& t : c.f(all))
      if (is_float(t.dtype())) outputs.push_back(t);
    return outputs;
  };
  std::vector<Tensor> douts;
  for (const Tensor& t : f(leaves))
    douts.push_back(to_device(random_input(t.shape(), 31 + douts.size(), 0.5, 1.5), device));
  std::vector<Tensor> grads = vjp(f, leaves, douts).grads;
  eval(grads);
  return grads;
}

void expect_close(
    const std::vector<Tensor>& got,
    const std::vector<Tensor>& expected,
    double tolerance,
    const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].shape().str(), expected[i].shape().str()) << what << ", result " << i;
    ASSERT_EQ(got[i].dtype(), expected[i].dtype()) << what << ", result " << i;
    EXPECT_LE(relative_error(got[i], expected[i]), tolerance) << what << ", result " << i;
  }
}

}  // namespace

double relative_error(const Tensor& got, const Tensor& expected) {
  std::vector<double> a = got.to_doubles(), b = expected.to_doubles();
  if (a.size() != b.size()) return INFINITY;
  double scale = 1e-6, worst = 0;
  for (double x : b)
    if (std::isfinite(x)) scale = std::max(scale, std::abs(x));
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    double err = std::abs(a[i] - b[i]);
    worst = std::max(worst, std::isnan(err) ? INFINITY : err);
  }
  return worst / scale;
}

void check_op(const OpCase& c) {
  SCOPED_TRACE(c.name);
  const Device ref{Device::ref}, cpu{Device::cpu};

  std::vector<Tensor> truth = run(c, ref, EvalMode::lazy);
  for (size_t i = 0; i < c.expected.size(); ++i) {
    Tensor closed = Tensor::from(std::span<const double>(c.expected[i]), truth[i].shape());
    EXPECT_LE(relative_error(truth[i], closed), 1e-6) << "closed form, result " << i;
  }
  std::vector<Tensor> fast = run(c, cpu, EvalMode::lazy);
  expect_close(fast, truth, c.tolerance, "cpu against ref");
  expect_close(run(c, cpu, EvalMode::eager), fast, 0, "eager against lazy");
  if (!c.gradient) return;

  GradCheck first = gradcheck(c.f, c.inputs);
  EXPECT_LE(first.max_rel_err, c.gradient_tolerance) << "gradcheck: " << first.where;
  std::vector<Tensor> slow_grads = gradients(c, ref, EvalMode::lazy);
  std::vector<Tensor> fast_grads = gradients(c, cpu, EvalMode::lazy);
  expect_close(fast_grads, slow_grads, c.tolerance, "gradient, cpu against ref");
  expect_close(gradients(c, cpu, EvalMode::eager), fast_grads, 0, "gradient, eager against lazy");
  if (!c.second) return;

  GradCheck again = gradcheck_twice(c.f, c.inputs);
  EXPECT_LE(again.max_rel_err, c.gradient_tolerance * 10) << "second derivative: " << again.where;
}

Tensor random_input(const Shape& shape, uint64_t seed, double lo, double hi) {
  Rng rng{Key(seed)};
  std::vector<float> values(size_t(shape.numel()));
  for (float& x : values) x = float(rng.uniform(lo, hi));
  return Tensor::from(values, shape);
}

Tensor distinct_input(const Shape& shape, uint64_t seed, double step) {
  Rng rng{Key(seed)};
  std::vector<float> values(size_t(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(double(i) * step);
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[rng.below(i)]);
  return Tensor::from(values, shape);
}

Tensor int_input(const Shape& shape, uint64_t seed, int lo, int hi) {
  Rng rng{Key(seed)};
  std::vector<int32_t> values(size_t(shape.numel()));
  for (int32_t& x : values) x = lo + int32_t(rng.below(uint64_t(hi - lo)));
  return Tensor::from(values, shape);
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  ADD_FAILURE() << "expected an exception";
  return "";
}

}  // namespace fovea::test
