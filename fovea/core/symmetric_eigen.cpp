#include "fovea/core/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea {

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

}  // namespace fovea
