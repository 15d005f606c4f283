#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fovea::report {

// A finished picture as SVG markup: a file of its own, or part of an HTML page. Its style follows
// the reader's light or dark scheme; its title and description are there for screen readers; points
// and cells tell their value when the pointer rests on them. No script.
struct Svg {
  std::string markup;
};

enum class Unit { plain, percent };  // percent shows 0.5 as "50 %"

struct Series {
  std::string name;
  std::vector<double> x, y;  // as many of each; a value that is not finite breaks the line
};

struct LineChart {
  std::string title;
  std::string description = {};
  std::string x_label = {};
  std::vector<Series> series = {};
  Unit unit = Unit::plain;
  bool log_x = false, log_y = false;  // values of 0 and below are left out
  int width = 480;                    // in CSS pixels, at least 200 by 150
  int height = 300;
};

struct Bar {
  std::string label;
  double value = 0;
};

// Horizontal bars from zero, in the order given.
struct BarChart {
  std::string title;
  std::string description = {};
  std::vector<Bar> bars = {};
  Unit unit = Unit::plain;
  int width = 480;
};

// Counts of `rows` by `columns`. Each row is coloured by its shares; where rows and columns bear
// the same names, the diagonal has one colour and what lies beside it another.
struct HeatMap {
  std::string title;
  std::string description = {};
  std::vector<std::string> rows = {}, columns = {};
  std::vector<double> values = {};  // row-major, finite and not negative
  std::string row_title = "true";
  std::string column_title = "predicted";
};

// A point of a roofline: what was reached at so many operations per byte. Its area is its weight.
struct RooflinePoint {
  std::string label;
  double intensity = 0;  // operations per byte, above 0
  double rate = 0;       // operations per second, above 0
  double weight = 0;     // of 1
};

// Reached against possible (Williams et al. 2009), both axes logarithmic: under the roof of
// min(arithmetic, intensity * memory), points near it could hardly be faster.
struct Roofline {
  std::string title;
  std::string description = {};
  double arithmetic = 0;  // operations per second, at most
  double memory = 0;      // bytes per second, at most
  std::vector<RooflinePoint> points = {};
  int width = 640;
  int height = 400;
};

// Each throws std::invalid_argument where sizes do not agree.
Svg line_chart(const LineChart& chart);
Svg bar_chart(const BarChart& chart);
Svg heat_map(const HeatMap& map);
Svg roofline(const Roofline& chart);

// Round numbers (1, 2 or 5 times a power of ten apart) from the last one <= low to the first one
// >= high, about `count` of them; at least `min_step` apart.
std::vector<double> nice_ticks(double low, double high, int count, double min_step = 0);

// 1, 2 and 5 times powers of ten, from the last one <= low to the first one >= high, both > 0.
std::vector<double> log_ticks(double low, double high);

}  // namespace fovea::report
