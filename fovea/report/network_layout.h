#pragma once

#include <vector>

#include "fovea/report/network_flow.h"

// Where the parts of a network's picture lie, in pixels from the top left.
namespace fovea::report {

struct NetworkPoint {
  double x = 0, y = 0;
};

struct NetworkBox {
  size_t layer = 0;
  double x = 0, y = 0, width = 0, height = 0;
  double axis = 0;      // the x of what leaves it, and of what enters it from above
  bool narrow = false;  // text in two lines

  double right() const { return x + width; }
  double bottom() const { return y + height; }
};

struct NetworkWire {
  size_t from = 0, to = 0;
  std::vector<NetworkPoint> points;  // across and down in turn
  bool skip = false;                 // goes round boxes
};

struct NetworkFrame {  // round a block that is drawn once
  double x = 0, y = 0, width = 0, height = 0;
  int times = 1;
};

struct NetworkShape {  // written beside the connection below a layer
  size_t layer = 0;
  NetworkPoint at;  // the left end of the base line
};

struct NetworkLayout {
  double width = 0, height = 0;
  std::vector<NetworkBox> boxes;
  std::vector<NetworkWire> wires;
  std::vector<NetworkFrame> frames;
  std::vector<NetworkShape> shapes;
};

inline constexpr double strip_height = 5;
inline constexpr double circle_size = 24;

NetworkLayout network_layout(std::span<const NetworkLayer> layers, int most_rows);

}  // namespace fovea::report
