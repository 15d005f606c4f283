#include "fovea/optim/newton.h"

#include <algorithm>
#include <cmath>

namespace fovea::optim {

namespace {

// The lower triangle L of a = L L^T in place, (n, n) row by row; false where a is not positive
// definite.
bool cholesky(std::vector<double>& a, size_t n) {
  for (size_t j = 0; j < n; ++j) {
    for (size_t i = j; i < n; ++i) {
      double sum = a[i * n + j];
      for (size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      if (i == j) {
        if (!(sum > 0) || !std::isfinite(sum)) return false;
        a[j * n + j] = std::sqrt(sum);
      } else {
        a[i * n + j] = sum / a[j * n + j];
      }
    }
  }
  return true;
}

// L of h + tau I for the smallest tau out of a rising row that makes it positive definite; empty
// where h is not finite, or so large that tau would not be.
std::vector<double> factor(const std::vector<double>& h, size_t n) {
  double size = 0, least = h[0];
  for (double x : h) {
    if (!std::isfinite(x)) return {};
    size = std::max(size, std::abs(x));
  }
  for (size_t i = 0; i < n; ++i) least = std::min(least, h[i * n + i]);
  const double begin = 1e-3 * std::max(size, 1e-300);
  double tau = least > 0 ? 0 : begin - least;
  for (; std::isfinite(tau); tau = std::max(2 * tau, begin)) {
    std::vector<double> l = h;
    for (size_t i = 0; i < n; ++i) l[i * n + i] += tau;
    if (cholesky(l, n)) return l;
  }
  return {};
}

}  // namespace

std::vector<double> Newton::direction(
    const Objective& f, const Tree& params, const std::vector<double>& slope) {
  const size_t n = slope.size();
  const std::vector<double> l = factor(hessian(f, params), n);
  std::vector<double> x(n);
  std::ranges::transform(slope, x.begin(), std::negate<>());
  if (l.empty()) return x;
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < i; ++k) x[i] -= l[i * n + k] * x[k];
    x[i] /= l[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) x[i] -= l[k * n + i] * x[k];
    x[i] /= l[i * n + i];
  }
  return x;
}

}  // namespace fovea::optim
