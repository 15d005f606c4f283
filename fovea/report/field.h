#pragma once

#include <string>
#include <vector>

#include "fovea/image/draw.h"
#include "fovea/report/svg.h"

// Pictures over two axes: how dense, how high, or which class.
namespace fovea::report {

// Values at rows * columns places, row-major; row 0 is the lowest, as on an axis.
struct Grid {
  int rows = 0, columns = 0;
  std::vector<double> values = {};

  double at(int row, int column) const { return values[size_t(row) * size_t(columns) + column]; }
};

// RGBA (rows, columns), the top row first: dark violet at `low` to yellow at `high`, lighter all
// the way; a value that is not finite is transparent.
image::Image heat_picture(const Grid& grid, double low, double high);

// What the charts paint series 0, 1, ... with on light pages; it does on dark ones too.
image::Color series_colour(int series);

// RGBA (rows, columns): the colour of series `classes` (0, 1, ...), the stronger the nearer its
// share is to 1. Both grids have the same size.
image::Image region_picture(const Grid& classes, const Grid& shares);

struct Place {
  double x = 0, y = 0;  // in columns and rows, from 0
};
// Where the grid, linear between neighbours, passes the level: ends of straight pieces, two by two
// (marching squares, Lorensen and Cline 1987 in two dimensions). Squares with a value that is not
// finite have none.
std::vector<Place> contour(const Grid& grid, double level);

struct Mark {
  double x = 0, y = 0;
  int series = 0;  // its colour
  std::string text = {};
};

// A line over the picture: a way that was gone.
struct Track {
  std::vector<double> x, y;
};

struct FieldChart {
  std::string title;
  std::string description = {};
  std::string x_label = {}, y_label = {};
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;  // the edges of the picture
  image::Image picture = {};
  bool smooth = false;  // between pixels
  // Lines at these levels of a grid, whose places are the middles of as many equal cells.
  Grid grid = {};
  std::vector<double> levels = {};
  std::vector<Mark> marks = {};
  std::vector<Track> tracks = {};
  int width = 400;  // a phone hardly shrinks its text
};
// Throws std::invalid_argument where there is no picture, or edges that are no range.
Svg field_chart(const FieldChart& chart);

// One strip of a StripChart: column by column a histogram, from `low` at the bottom to `high`.
struct Strip {
  std::string label, note;  // the note stands at the right end
  Grid shares = {};         // rows are bins; each column is coloured by its own largest value
  double low = 0, high = 1;
  bool log = false;  // low and high are powers of ten
};

// Histograms over time, or over layers, one strip below the other.
struct StripChart {
  std::string title;
  std::string description = {};
  std::string x_label = {};
  std::vector<std::string> columns = {};  // the names of the strips' columns; some are shown
  std::vector<Strip> strips = {};
  int series = 0;  // their colour
  int width = 460;
};
// Throws std::invalid_argument for a strip whose columns are not as many as the names.
Svg strip_chart(const StripChart& chart);

}  // namespace fovea::report
