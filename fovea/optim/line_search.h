#pragma once

#include <functional>

namespace fovea::optim {

// A function along a line: its value and slope at a step.
struct LinePoint {
  double step = 0, value = 0, slope = 0;
};

struct LineSearchOptions {
  double c1 = 1e-4;      // share of the fall the slope promises that must come true
  double c2 = 0.9;       // share of the slope that may be left; above c1, below 1
  int evaluations = 25;  // at most
};

struct LineSearchResult {
  LinePoint point;
  int evaluations = 0;
  bool good = false;  // whether the point meets both conditions
};

// Looks for a step with the strong Wolfe conditions
//   value <= value(0) + c1 step slope(0)   and   |slope| <= c2 |slope(0)|,
// first `first`, then larger ones until a minimum is bracketed, then within the bracket by cubic
// interpolation (Nocedal and Wright 2006, algorithms 3.5 and 3.6, equation 3.59). Where it finds
// none, the lowest point seen, which may be the start. A value that is not finite counts as too
// high. `start` is at step 0 and must fall. Throws std::invalid_argument for options that do not
// fit and for a start that does not fall.
LineSearchResult strong_wolfe(
    const std::function<LinePoint(double step)>& f,
    const LinePoint& start,
    double first,
    const LineSearchOptions& o = {});

}  // namespace fovea::optim
