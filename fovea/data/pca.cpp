#include "fovea/data/pca.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/errors.h"

namespace fovea::data {

namespace {

// Rotates rows p and q of a row-major matrix with n columns.
void rotate_rows(double* m, size_t n, size_t p, size_t q, double c, double s) {
  double *x = m + p * n, *y = m + q * n;
  for (size_t k = 0; k < n; ++k) {
    double a = x[k], b = y[k];
    x[k] = c * a - s * b;
    y[k] = s * a + c * b;
  }
}

Tensor project(const Pca& pca, const Tensor& x, int keep, const std::vector<double>& factor) {
  auto d = size_t(pca.dims());
  if (x.rank() != 2 || size_t(x.dim(1)) != d || keep < 0 || size_t(keep) > d)
    throw std::invalid_argument(fmt::format(
        "[pca] expected (N, {}) and keep in [0, {}], got {} and {}", d, d, x.str(), keep));
  auto k = keep ? size_t(keep) : d;
  auto values = x.to_doubles();
  auto n = size_t(x.dim(0));
  std::vector<float> out(n * k);
  for (size_t i = 0; i < n; ++i) {
    double* row = values.data() + i * d;
    for (size_t j = 0; j < d; ++j) row[j] -= pca.mean[j];
    for (size_t a = 0; a < k; ++a) {
      const double* axis = pca.axes.vectors.data() + a * d;
      out[i * k + a] = float(std::inner_product(row, row + d, axis, 0.0) * factor[a]);
    }
  }
  return Tensor::from(out, {int64_t(n), int64_t(k)});
}

}  // namespace

Eigen symmetric_eigen(std::span<const double> input, int size) {
  auto n = size_t(size);
  if (size < 1 || input.size() != n * n)
    throw std::invalid_argument(
        fmt::format("[symmetric_eigen] expected {} x {} values, got {}", size, size, input.size()));
  std::vector<double> a(n * n), v(n * n, 0.0);
  double total = 0;
  for (size_t i = 0; i < n; ++i) {
    v[i * n + i] = 1;
    for (size_t j = 0; j < n; ++j) {
      a[i * n + j] = (input[i * n + j] + input[j * n + i]) / 2;
      total += a[i * n + j] * a[i * n + j];
    }
  }
  if (!std::isfinite(total))
    throw std::invalid_argument("[symmetric_eigen] expected finite values");
  constexpr int max_sweeps = 50;
  for (int sweep = 0; sweep < max_sweeps; ++sweep) {
    double off = 0;
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) off += 2 * a[p * n + q] * a[p * n + q];
    if (off <= 1e-30 * total) break;
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) {
        double apq = a[p * n + q];
        if (apq * apq <= 1e-36 * total) continue;
        double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
        double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        double c = 1 / std::sqrt(t * t + 1), s = t * c;
        rotate_rows(a.data(), n, p, q, c, s);
        for (size_t k = 0; k < n; ++k) {
          double x = a[k * n + p], y = a[k * n + q];
          a[k * n + p] = c * x - s * y;
          a[k * n + q] = s * x + c * y;
        }
        rotate_rows(v.data(), n, p, q, c, s);
      }
  }
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t(0));
  std::stable_sort(
      order.begin(), order.end(), [&](size_t i, size_t j) { return a[i * n + i] > a[j * n + j]; });
  Eigen result;
  for (size_t i : order) {
    result.values.push_back(a[i * n + i]);
    const double* row = v.data() + i * n;
    auto largest = *std::max_element(
        row, row + n, [](double x, double y) { return std::abs(x) < std::abs(y); });
    for (size_t k = 0; k < n; ++k) result.vectors.push_back(largest < 0 ? -row[k] : row[k]);
  }
  return result;
}

double Pca::explained(int k) const {
  auto first = axes.values.begin(), last = axes.values.end();
  double all = std::accumulate(first, last, 0.0);
  return all > 0 ? std::accumulate(first, first + std::clamp(k, 0, dims()), 0.0) / all : 1;
}

Tensor Pca::rotate(const Tensor& x, int keep) const {
  return project(*this, x, keep, std::vector<double>(mean.size(), 1.0));
}

Tensor Pca::whiten(const Tensor& x, int keep, double eps) const {
  std::vector<double> factor;
  for (double value : axes.values) factor.push_back(1 / std::sqrt(std::max(value, 0.0) + eps));
  return project(*this, x, keep, factor);
}

Pca fit_pca(const Tensor& x) {
  if (x.rank() != 2 || x.dim(0) < 2 || x.dim(1) < 1)
    throw std::invalid_argument(fmt::format("[pca] expected (N, D) with N >= 2, got {}", x.str()));
  auto values = x.to_doubles();
  auto n = size_t(x.dim(0)), d = size_t(x.dim(1));
  Pca pca;
  pca.mean.assign(d, 0);
  for (size_t i = 0; i < n * d; ++i) pca.mean[i % d] += values[i] / double(n);
  std::vector<double> covariance(d * d, 0.0);
  for (size_t i = 0; i < n; ++i) {
    double* row = values.data() + i * d;
    for (size_t j = 0; j < d; ++j) row[j] -= pca.mean[j];
    for (size_t j = 0; j < d; ++j)
      for (size_t k = 0; k < d; ++k) covariance[j * d + k] += row[j] * row[k] / double(n);
  }
  pca.axes = symmetric_eigen(covariance, int(d));
  return pca;
}

}  // namespace fovea::data
