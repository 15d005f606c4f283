#include "fovea/optim/line_search.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea::optim {

namespace {

// Where the cubic through two points and their slopes is lowest, if it is well inside them; else
// the middle.
double between(const LinePoint& a, const LinePoint& b) {
  const double lo = std::min(a.step, b.step), hi = std::max(a.step, b.step);
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step);
  const double inner = d1 * d1 - a.slope * b.slope;
  const double d2 = std::copysign(std::sqrt(std::max(inner, 0.0)), b.step - a.step);
  const double step =
      b.step - (b.step - a.step) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
  const double margin = 0.1 * (hi - lo);
  const bool inside = inner >= 0 && step >= lo + margin && step <= hi - margin;
  return inside ? step : (lo + hi) / 2;
}

class Search {
 public:
  Search(
      const std::function<LinePoint(double)>& f, const LinePoint& start, const LineSearchOptions& o)
      : f_(f), start_(start), o_(o), best_(start) {}

  LineSearchResult run(double first) {
    LinePoint before = start_;
    double step = first;
    while (left()) {
      const LinePoint now = at(step);
      if (!falls(now) || (before.step > 0 && now.value >= before.value)) return zoom(before, now);
      if (flat(now)) return result(now, true);
      if (now.slope >= 0) return zoom(now, before);
      before = now;
      step *= 2;
    }
    return result(best_, false);
  }

 private:
  // Between a point that falls enough and is the lowest such, and one on the other side of a
  // minimum.
  LineSearchResult zoom(LinePoint low, LinePoint high) {
    while (left() && low.step != high.step) {
      const LinePoint now =
          at(std::isfinite(high.value) && std::isfinite(high.slope) ? between(low, high)
                                                                    : (low.step + high.step) / 2);
      if (!falls(now) || now.value >= low.value) {
        high = now;
        continue;
      }
      if (flat(now)) return result(now, true);
      if (now.slope * (high.step - low.step) >= 0) high = low;
      low = now;
    }
    return result(best_, false);
  }

  bool left() const { return evaluations_ < o_.evaluations; }
  LinePoint at(double step) {
    ++evaluations_;
    const LinePoint p = f_(step);
    if (p.value < best_.value) best_ = p;
    return p;
  }
  bool falls(const LinePoint& p) const {
    return p.value <= start_.value + o_.c1 * p.step * start_.slope;
  }
  bool flat(const LinePoint& p) const {
    return std::abs(p.slope) <= o_.c2 * std::abs(start_.slope);
  }
  LineSearchResult result(const LinePoint& p, bool good) const { return {p, evaluations_, good}; }

  const std::function<LinePoint(double)>& f_;
  LinePoint start_;
  LineSearchOptions o_;
  LinePoint best_;
  int evaluations_ = 0;
};

}  // namespace

LineSearchResult strong_wolfe(
    const std::function<LinePoint(double)>& f,
    const LinePoint& start,
    double first,
    const LineSearchOptions& o) {
  if (!(0 < o.c1 && o.c1 < o.c2 && o.c2 < 1) || o.evaluations < 1)
    throw std::invalid_argument(fmt::format(
        "[strong_wolfe] expected 0 < c1 < c2 < 1 and an evaluation or more, got {}, {} and {}",
        o.c1,
        o.c2,
        o.evaluations));
  if (!(start.slope < 0) || !(first > 0))
    throw std::invalid_argument(fmt::format(
        "[strong_wolfe] expected a line that falls and a first step above 0, "
        "got a slope of {} and a step of {}",
        start.slope,
        first));
  return Search(f, start, o).run(first);
}

}  // namespace fovea::optim
