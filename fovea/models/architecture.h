#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/nn/module.h"

namespace fovea::models {

// One layer of a network written in a recipe: a type and its options as text, such as
// {"conv", {{"out", "32"}, {"kernel", "3"}, {"act", "relu"}}}.
struct LayerSpec {
  std::string type;
  std::map<std::string, std::string> options;
  friend bool operator==(const LayerSpec&, const LayerSpec&) = default;
};

// Everything needed to build a network again: a name from the table of models, a list of layers, or
// the members of an ensemble.
struct Architecture {
  std::string name;  // "resnet20"; "layers" for a list, "ensemble" for several networks
  Shape input;       // (H, W, C)
  int64_t classes = 0;
  bool linear_head = false;       // as in MakeOptions
  std::vector<LayerSpec> layers;  // only for "layers"
  // Only for "ensemble": at least two of the same input and classes, none an ensemble itself.
  std::vector<Architecture> members = {};
  friend bool operator==(const Architecture&, const Architecture&) = default;
};

// The network with uninitialised parameters. Throws naming the unknown model or layer and its
// nearest neighbour, or the layer whose shape does not fit.
std::unique_ptr<nn::Module> build(const Architecture& a);

// JSON: {"name": "resnet20", "input": [32, 32, 3], "classes": 10, "linear_head": false,
// "layers": [{"type": "conv", ...}], "members": [{"name": ...}]}.
std::string to_json(const Architecture& a);
Architecture architecture_from_json(std::string_view json);

}  // namespace fovea::models
