#include "fovea/optim/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::optim {

namespace {

void add(std::vector<double>& to, double times, const std::vector<double>& v) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += times * v[i];
}

}  // namespace

Lbfgs::Lbfgs(const LbfgsOptions& o) : LineMethod(o.line), history_(size_t(o.history)) {
  if (o.history < 1)
    throw std::invalid_argument(
        fmt::format("[lbfgs] expected a history of at least 1, got {}", o.history));
}

// The recursion applies the rank-2 updates of the pairs to the slope, newest first and then back.
std::vector<double> Lbfgs::direction(
    const Objective&, const Tree&, const std::vector<double>& slope) {
  std::vector<double> q = slope, alpha(pairs_.size());
  for (size_t k = pairs_.size(); k-- > 0;) {
    alpha[k] = pairs_[k].rho * dot(pairs_[k].way, q);
    add(q, -alpha[k], pairs_[k].change);
  }
  if (!pairs_.empty()) {
    const Pair& last = pairs_.back();
    const double scale = 1 / (last.rho * dot(last.change, last.change));
    for (double& x : q) x *= scale;
  }
  for (size_t k = 0; k < pairs_.size(); ++k)
    add(q, alpha[k] - pairs_[k].rho * dot(pairs_[k].change, q), pairs_[k].way);
  for (double& x : q) x = -x;
  return q;
}

// Nothing is known of the scale at first: a way of length 1.
double Lbfgs::first_step(const std::vector<double>& slope) const {
  return pairs_.empty() ? std::min(1.0, 1 / std::sqrt(dot(slope, slope))) : 1;
}

void Lbfgs::learn(const std::vector<double>& way, const std::vector<double>& change) {
  const double curvature = dot(way, change);
  // Way and change at a right angle, or more, would not leave the matrix positive definite.
  if (!(curvature > 1e-10 * std::sqrt(dot(way, way) * dot(change, change)))) return;
  pairs_.push_back({way, change, 1 / curvature});
  if (pairs_.size() > history_) pairs_.pop_front();
}

}  // namespace fovea::optim
