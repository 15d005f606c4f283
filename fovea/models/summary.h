#pragma once

#include <string>
#include <vector>

#include "fovea/nn/module.h"

namespace fovea::models {

// One layer of the table: what it gives for one picture, what it holds and what it costs.
struct LayerRow {
  std::string path;  // "layer1.0.conv1"
  std::string op;    // the ops it ran: "conv2d", "batch_norm"
  Shape output;      // (1, H, W, C)
  int64_t parameters = 0;
  int64_t values = 0;  // numbers it gives, one picture
  double macs = 0;     // multiply-adds, one picture
};

struct Summary {
  std::vector<LayerRow> layers;
  int64_t parameters = 0;
  int64_t values = 0;  // sum over layers
  double macs = 0;
};

// Builds the graph for one picture of `input` (H, W, C), without running it, and reads it off.
Summary summarize(nn::Module& m, const Shape& input);

}  // namespace fovea::models
