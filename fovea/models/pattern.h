#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fovea/models/architecture.h"

namespace fovea::models {

struct PatternOptions {
  // Output channels of the convolutions of each stage, the repeated ones counted: as many numbers,
  // or one for all; empty for 32, 64, ..., doubled up to 512.
  std::vector<int> widths;
  std::vector<int> fc_widths;  // the same of the inner linear layers; empty for 512
  std::string norm = "none";   // between a convolution and its activation
  int64_t classes = 10;        // of the linear layer that ends the network
};

// The list of layers of "[(conv-relu)*2-pool]*3-(fc-relu)*1", the pattern most convolutional
// networks follow: N convolutions and perhaps a pooling, M times, then K linear layers and one for
// the scores.
//
//   pattern = stage {"-" stage} ["-(fc-" activation ")*" K] ["-softmax"]
//   stage   = "[(conv-" activation ")*" N ["-pool"] "]*" M
//
// N is 1 to 5, M 1 to 20, K 0 to 2; "*1" may be left out, and letters may be large. Convolutions
// are 3x3 and keep the size, pooling takes the largest of 2x2. The softmax belongs to the loss and
// adds nothing. Throws std::invalid_argument, which shows the place in the pattern.
std::vector<LayerSpec> expand_pattern(std::string_view pattern, const PatternOptions& o);

}  // namespace fovea::models
