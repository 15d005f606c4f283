#pragma once

#include <string>
#include <vector>

#include "fovea/formats/layer_graph.h"
#include "fovea/nn/load.h"

namespace fovea::models {

// How a network of Caffe or ncnn corresponds to one of the table.
struct GraphMatch {
  Tree weights;  // under the names of the module, in PyTorch's layout
  // Of loading them. Where a layer is not like its counterpart, nothing was loaded and the first
  // such pair is what does not fit.
  nn::LoadReport report;
  // The largest difference of the two networks' scores on noise, over the largest score.
  double difference = 0;
  // Convolutions that compute otherwise: "conv10 pads by 1, classifier.1 by 0".
  std::vector<std::string> notes;

  bool same() const { return report.complete() && difference <= 1e-4; }
};

// Matches layers with weights by their order, first to last: each must have the shapes of its
// counterpart. Caffe's batch norm and the scale after it count as one. The weights go into `net`,
// and where all of it fits both networks run on a picture of noise (H, W, C), so that a match of
// the wrong layers or of another structure shows.
GraphMatch match_graph(const formats::LayerGraph& graph, nn::Module& net, const Shape& input);

}  // namespace fovea::models
