#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/report/svg.h"

namespace fovea::report {

// A thin strip at the edge of a box: what is done on the way in or out.
struct NetworkStep {
  enum class Kind : uint8_t { norm, activation, scale };
  Kind kind = Kind::norm;
  std::string name;  // for the legend
  friend bool operator==(const NetworkStep&, const NetworkStep&) = default;
};

struct NetworkLayer {
  enum class Kind : uint8_t {
    input,
    conv,
    pool,
    linear,
    norm,
    activation,
    other,
    concat,  // a bar under all that it joins
    join,    // a circle with `text` in it, such as "+"; the legend calls it `detail`
  };
  Kind kind = Kind::other;
  std::string text;         // "3×3 conv"
  std::string detail = {};  // "64, /2", behind it or below
  std::vector<NetworkStep> before = {}, after = {};
  std::string shape = {};           // of what it gives: "56 × 56 × 64"
  std::string note = {};            // shown when the pointer rests on it
  std::vector<size_t> inputs = {};  // numbers of other layers, all before its own
};

// The text of a box in one line.
std::string one_line(const NetworkLayer& l);

struct NetworkChart {
  std::string title;
  std::string description = {};
  std::vector<std::string> caption = {};  // lines below the title
  // The first is the input of all, the last is what all leads to.
  std::vector<NetworkLayer> layers = {};
  int most_rows = 40;  // a higher picture has its repeated blocks drawn once, with their number
};

// A network from top to bottom: branches side by side, connections that skip layers round them.
// Throws std::invalid_argument where inputs do not come before their layer, or where a layer is not
// on a way from the first to the last.
Svg network_chart(const NetworkChart& chart);

}  // namespace fovea::report
