#pragma once

#include <string>
#include <vector>

#include "fovea/report/svg.h"

namespace fovea::report {

struct Dot {
  double x = 0, y = 0;
  std::string title = {};  // told when the pointer rests on it
};

struct DotSeries {
  std::string name;
  std::vector<Dot> dots = {};
};

// A mean with a bar of one deviation to both sides.
struct Spread {
  double x = 0, mean = 0, deviation = 0;
};

// Dots of one or more series, and means joined by a line.
struct DotChart {
  std::string title;
  std::string description = {};
  std::string x_label = {};
  std::vector<DotSeries> series = {};
  std::vector<Spread> spreads = {};
  std::string spread_name = "mean and one standard deviation";
  std::vector<double> without = {};       // x of what has no y: crosses at the foot
  std::vector<std::string> x_names = {};  // where given, x counts these from 0
  Unit unit = Unit::plain;
  bool log_x = false, log_y = false;  // values of 0 and below are left out
  int width = 480;                    // in CSS pixels, at least 200 by 150
  int height = 300;
};

// Throws std::invalid_argument where the chart is too small.
Svg dot_chart(const DotChart& chart);

// One vertical axis of parallel coordinates.
struct ParallelAxis {
  std::string name;
  bool log = false;
  std::vector<std::string> names = {};  // where given, values count these from 0
  Unit unit = Unit::plain;
};

// One line across the axes. A value that is not finite ends it.
struct ParallelLine {
  std::vector<double> values;  // one for each axis
  double strength = 1;         // from 0, hardly seen, to 1
  std::string title = {};
};

// Parallel coordinates (Inselberg 1985, "The plane with parallel coordinates"): each line joins the
// values of one thing across the axes. Strong lines lie over weak ones, and the strongest has a
// colour of its own.
struct ParallelChart {
  std::string title;
  std::string description = {};
  std::vector<ParallelAxis> axes = {};
  std::vector<ParallelLine> lines = {};
  int width = 760;
  int height = 360;
};

// Throws std::invalid_argument where a line has not as many values as there are axes.
Svg parallel_chart(const ParallelChart& chart);

}  // namespace fovea::report
