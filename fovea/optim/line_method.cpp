#include "fovea/optim/line_method.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "fovea/core/errors.h"

namespace fovea::optim {

namespace {

double largest(const std::vector<double>& v) {
  double most = 0;
  for (double x : v) most = std::max(most, std::abs(x));
  return most;
}

}  // namespace

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

LineStep LineMethod::step(Tree& params, const Objective& f) {
  const std::vector<double> point = flatten(params);
  LineStep result;
  if (point != point_) {
    ValueAndSlope here = value_and_slope(f, params);
    if (!std::isfinite(here.value))
      throw std::invalid_argument(
          fmt::format("[line_method] expected a finite objective, got {}", here.value));
    here_ = std::move(here);
    point_ = point;
    ++result.evaluations;
  }
  result.loss = here_.value;
  result.slope = largest(here_.slope);
  if (result.slope == 0) return result;

  std::vector<double> way = direction(f, params, here_.slope);
  if (!(dot(way, here_.slope) < 0)) {
    forget();
    std::ranges::transform(here_.slope, way.begin(), std::negate<>());
  }
  std::vector<double> moved(point.size());
  auto at = [&](double step) {
    for (size_t i = 0; i < point.size(); ++i) moved[i] = point[i] + step * way[i];
    return unflatten(moved, params);
  };
  // The search ends at the newest point where that is good, else at the lowest.
  ValueAndSlope lowest = here_, newest;
  auto along = [&](double step) {
    newest = value_and_slope(f, at(step));
    if (newest.value < lowest.value) lowest = newest;
    return LinePoint{step, newest.value, dot(newest.slope, way)};
  };
  const LinePoint start{0, here_.value, dot(here_.slope, way)};
  if (!(start.slope < 0)) return result;  // so small that its square is 0
  const LineSearchResult found = strong_wolfe(along, start, first_step(here_.slope), line_);
  result.evaluations += found.evaluations;
  if (found.point.step == 0) return result;
  ValueAndSlope& there = found.good ? newest : lowest;
  FOVEA_ASSERT(found.point.value == there.value);

  params = at(found.point.step);
  const std::vector<double> before = std::exchange(point_, flatten(params));
  std::vector<double> change(point.size());
  std::ranges::transform(point_, before, way.begin(), std::minus<>());
  std::ranges::transform(there.slope, here_.slope, change.begin(), std::minus<>());
  learn(way, change);
  here_ = std::move(there);
  result.loss = here_.value;
  result.slope = largest(here_.slope);
  result.moved = true;
  return result;
}

Minimized minimize(LineMethod& method, Tree& params, const Objective& f, const MinimizeOptions& o) {
  if (o.steps < 1 || !(o.tolerance >= 0))
    throw std::invalid_argument(fmt::format(
        "[minimize] expected a step or more and a tolerance of at least 0, got {} and {}",
        o.steps,
        o.tolerance));
  Minimized m;
  while (m.steps < o.steps) {
    const LineStep s = method.step(params, f);
    m.loss = s.loss;
    m.slope = s.slope;
    m.evaluations += s.evaluations;
    m.converged = s.slope <= o.tolerance;
    m.steps += s.moved;
    if (m.converged || !s.moved) break;
  }
  return m;
}

}  // namespace fovea::optim
