#include "fovea/classic/projection.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/symmetric_eigen.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/random.h"
#include "fovea/ops/reduce.h"

namespace fovea::classic {

namespace {

constexpr int64_t spare_axes = 16;  // iterated with the others, so that the last ones settle
constexpr int most_rounds = 40;

double dot(const float* a, const float* b, int64_t n) {
  double s[4] = {};
  for (int64_t i = 0; i < n; ++i) s[i % 4] += double(a[i]) * double(b[i]);
  return (s[0] + s[1]) + (s[2] + s[3]);
}

// Makes the rows of `t` orthonormal by Gram and Schmidt's method, each cleaned of those before it
// twice. A row that depends on them is drawn anew.
void orthonormalise(Tensor& t, Key key) {
  const int64_t rows = t.dim(0), n = t.dim(1);
  float* data = t.mutable_data<float>().data();
  Rng rng(key);
  for (int64_t r = 0; r < rows;) {
    float* row = data + r * n;
    const double before = std::sqrt(dot(row, row, n));
    for (int time = 0; time < 2; ++time)
      for (int64_t other = 0; other < r; ++other) {
        const auto along = float(dot(row, data + other * n, n));
        for (int64_t i = 0; i < n; ++i) row[i] -= along * data[other * n + i];
      }
    const double left = std::sqrt(dot(row, row, n));
    if (left > 1e-5 * before) {
      for (int64_t i = 0; i < n; ++i) row[i] = float(row[i] / left);
      ++r;
    } else {
      for (int64_t i = 0; i < n; ++i) row[i] = float(rng.normal());
    }
  }
}

// The rows of `q` turned into the axes among them, by the small matrix of their variances.
PrincipalAxes turned(const Tensor& centred, const Tensor& q, int64_t count) {
  const Tensor a = matmul(centred, q, {.transpose_b = true});
  const Tensor covariance = matmul(a, a, {.transpose_a = true}) / double(centred.dim(0));
  const Eigen eigen = symmetric_eigen(covariance.to_doubles(), int(q.dim(0)));
  std::vector<float> turn(eigen.vectors.begin(), eigen.vectors.begin() + count * q.dim(0));
  Tensor axes = matmul(Tensor::from(turn, {count, q.dim(0)}), q).eval();
  float* data = axes.mutable_data<float>().data();
  for (int64_t r = 0; r < count; ++r) {
    float* row = data + r * q.dim(1);
    const float* largest = std::max_element(
        row, row + q.dim(1), [](float x, float y) { return std::abs(x) < std::abs(y); });
    if (*largest < 0) std::transform(row, row + q.dim(1), row, std::negate<>());
  }
  return {{}, axes, {eigen.values.begin(), eigen.values.begin() + count}};
}

}  // namespace

ProjectionKind projection_named(std::string_view name) {
  if (name == "pca") return ProjectionKind::pca;
  if (name == "random") return ProjectionKind::random;
  throw std::invalid_argument(
      fmt::format("expected pca or random as the kind of projection, got \"{}\"", name));
}

PrincipalAxes principal_axes(const Tensor& x, int64_t count, Key key) {
  if (x.rank() != 2 || count < 1 || count > x.dim(1) || count >= x.dim(0))
    throw std::invalid_argument(fmt::format(
        "[pca] expected x (N, D) with N above and D at least the {} axes wanted, got {}",
        count,
        x.str()));
  const Tensor mean = fovea::mean(x, {0}).eval();
  const Tensor centred = (x - mean).eval();
  const int64_t width = std::min(count + spare_axes, x.dim(1));
  Tensor q = random_normal({width, x.dim(1)}, key).eval();
  orthonormalise(q, key.fold_in(1));
  double held = 0;
  for (int round = 0; round < most_rounds && width < x.dim(1); ++round) {
    const Tensor a = matmul(centred, q, {.transpose_b = true});
    const double now = sum(square(a)).item<double>();
    q = matmul(a, centred, {.transpose_a = true}).eval();
    orthonormalise(q, key.fold_in(uint64_t(2 + round)));
    if (std::abs(now - held) <= 1e-6 * now) break;
    held = now;
  }
  PrincipalAxes result = turned(centred, q, count);
  result.mean = mean;
  return result;
}

Projection::Projection(const Options& o) : o_(o) {
  if (o.dims < 1 || (o.kind == ProjectionKind::pca && o.dims > o.in))
    throw std::invalid_argument(fmt::format(
        "[project] expected dims from 1 to the {} values of its input, got {}", o.in, o.dims));
  if (o.whiten && o.kind != ProjectionKind::pca)
    throw std::invalid_argument("[project] expected whiten with kind = pca, got it with another");
  mean_ = nn::shaped({o.in});
  basis_ = nn::shaped({o.dims, o.in});
}

Tensor Projection::forward(const Tensor& x, nn::Ctx&) const {
  return matmul(x - mean_, basis_, {.transpose_b = true});
}

void Projection::visit(Visitor& v) {
  v.state("mean", mean_);
  v.state("basis", basis_);
}

void Projection::fit(const Examples& e) {
  check_examples(e, o_.in, "project");
  if (o_.kind == ProjectionKind::random) {
    mean_ = mean(e.x, {0}).eval();
    basis_ = (random_normal({o_.dims, o_.in}, e.key) / std::sqrt(double(o_.dims))).eval();
    return;
  }
  PrincipalAxes found = principal_axes(e.x, o_.dims, e.key);
  mean_ = found.mean;
  basis_ = found.axes;
  if (!o_.whiten) return;
  std::vector<float> factor;
  for (double v : found.variances) factor.push_back(float(1 / std::sqrt(std::max(v, 0.0) + 1e-5)));
  basis_ = (basis_ * Tensor::from(factor, {o_.dims, 1})).eval();
}

}  // namespace fovea::classic
