#pragma once

#include <array>
#include <string>
#include <vector>

#include "fovea/nn/module.h"

namespace fovea::models {

// What is done to a value on its way into a layer or out of it.
struct DiagramStep {
  enum class Kind : uint8_t { norm, activation, scale };
  Kind kind = Kind::norm;
  std::string name;  // "batch norm", "relu", "x 0.17"
  friend bool operator==(const DiagramStep&, const DiagramStep&) = default;
};

// One box of a drawn network. Norms and activations belong to the convolution or linear layer that
// they follow, or that alone reads them; elsewhere they are layers of their own.
struct DiagramLayer {
  enum class Kind : uint8_t {
    input,
    conv,
    transposed_conv,
    linear,
    max_pool,
    avg_pool,
    norm,
    activation,
    concat,
    add,
    subtract,
    multiply,
    other,
  };
  Kind kind = Kind::other;
  std::string op;                                     // "batch norm", "mean", "slice"
  std::array<int64_t, 2> kernel{0, 0}, stride{1, 1};  // of convolution and pooling
  bool global = false;                                // a pooling of whole maps
  int64_t groups = 1;
  std::vector<DiagramStep> before, after;
  Shape output;                    // (1, H, W, C) or (1, C)
  std::vector<std::string> paths;  // of the modules in it, "layer1.0.conv1"
  int64_t parameters = 0;          // of those modules themselves
  double macs = 0;                 // multiply-adds, one picture
  std::vector<size_t> inputs;      // numbers of the layers it reads, each before its own
};

// The layers of a network for one picture of `input` (H, W, C), the picture first and the scores
// last, read off the graph that forward() builds; nothing runs. Ops that only rearrange values are
// left out.
std::vector<DiagramLayer> diagram(nn::Module& m, const Shape& input);

}  // namespace fovea::models
