#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/report/svg.h"

// One axis of a chart: from values to pixels, linear or logarithmic, with its ticks.
namespace fovea::report {

struct Range {
  double low = INFINITY, high = -INFINITY;
  void add(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  bool empty() const { return low > high; }
};

struct AxisOptions {
  bool log = false;
  int ticks = 6;             // about as many; those of a logarithmic axis follow from the range
  double min_step = 0;       // between ticks
  bool out_to_ticks = true;  // the axis ends at ticks, else at the ends of the range
  Unit unit = Unit::plain;
};

class Axis {
 public:
  Axis() = default;
  // An empty range gives an axis from 0 to 1, or 1 to 10.
  Axis(Range range, const AxisOptions& o);

  bool drawable(double v) const { return std::isfinite(v) && (!options_.log || v > 0); }
  double at(double v) const { return from + share(v) * (to - from); }  // in pixels
  const std::vector<double>& ticks() const { return ticks_; }
  std::vector<std::string> labels() const;  // of the ticks

  double from = 0, to = 1;  // where the axis begins and ends, in pixels

 private:
  double share(double v) const;

  AxisOptions options_;
  Range range_{0, 1};
  std::vector<double> ticks_;
};

// Grid lines with their labels from `left` to `right`, at the heights of a vertical axis.
void draw_y_axis(const Axis& y, double left, double right, std::string& out);

// A horizontal axis at height `y` with its name below.
void draw_x_axis(const Axis& x, double y, std::string_view name, std::string& out);

}  // namespace fovea::report
