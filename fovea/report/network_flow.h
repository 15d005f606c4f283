#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fovea/report/svg_network.h"

// A network as nested runs and branches: what the layout of its picture works on.
namespace fovea::report {

struct FlowItem;
using Flow = std::vector<FlowItem>;  // one below the other

using Skip = std::pair<size_t, size_t>;  // a connection from one layer to another

struct FlowItem {
  enum class Kind : uint8_t {
    layer,
    branches,  // side by side, from the layer above to the one below
    tangle,    // one below the other, with connections that no nesting of branches has
    repeat,    // `branches[0]`, drawn once for `times`
  };
  Kind kind = Kind::layer;
  size_t layer = 0;            // of Kind::layer
  std::vector<Flow> branches;  // of the others; a tangle has one
  std::vector<Skip> skips;     // connections that go round the boxes, in a lane of their own
  int times = 1;
  size_t last = 0;  // the layer that stands at the end of the last repetition
};

struct NetworkFlow {
  Flow items;
  std::map<size_t, size_t> drawn;  // the layer that stands in the picture for one that is not drawn
};

// Throws std::invalid_argument as network_chart does.
NetworkFlow network_flow(std::span<const NetworkLayer> layers, int most_rows);

// Boxes one below the other on the longest way.
int rows_of(const Flow& flow);

}  // namespace fovea::report
