#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fovea/formats/layer_graph.h"
#include "fovea/models/graph_match.h"
#include "fovea/models/model_file.h"

namespace fovea::cli {

// What became of a file's weights in a network of the table.
struct WeightFit {
  models::Model model;  // architecture and network; what did not fit begins new
  nn::LoadReport report;
  std::optional<models::GraphMatch> match;  // of files that hold the network too
  std::vector<std::string> notes;           // what would fit, or where the networks differ

  bool fits() const { return report.complete() && (!match || match->same()); }
  std::string str() const;  // lines
  // Why nothing may be written, "" if it may. With `partial` it is enough that something fits.
  std::string refusal(bool partial) const;
};

// `tensors` under the names that they have in the file; `graph` if it holds the network too, whose
// layers are then matched by their order.
WeightFit fit_weights(
    const models::Architecture& a,
    const Tree& tensors,
    const std::optional<formats::LayerGraph>& graph);

}  // namespace fovea::cli
