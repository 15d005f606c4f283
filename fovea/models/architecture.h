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

// Everything needed to build a network again: a name from the table of models, a list of layers,
// the members of an ensemble, or the graph of an ONNX file.
struct Architecture {
  // "resnet20"; "layers" for a list, "ensemble" for several networks, "onnx" for a graph
  std::string name;
  Shape input;  // (H, W, C)
  int64_t classes = 0;
  bool linear_head = false;       // as in MakeOptions
  std::vector<LayerSpec> layers;  // only for "layers"
  // Only for "ensemble": at least two of the same input and classes, none an ensemble itself.
  std::vector<Architecture> members = {};
  // Only for "onnx": the bytes of an ONNX file whose weights are inputs behind the picture, each
  // under its name in the network.
  std::string graph = {};
  friend bool operator==(const Architecture&, const Architecture&) = default;
};

// The network with uninitialised parameters. Throws naming the unknown model or layer and its
// nearest neighbour, or the layer whose shape does not fit.
std::unique_ptr<nn::Module> build(const Architecture& a);

// The shape of what a network gives for one picture (H, W, C): (1, classes), or (1, H, W, classes)
// for one of the table that has scores for each pixel.
Shape scores_shape(const nn::Module& net, const Shape& input);
// Throws std::invalid_argument for a network with scores for each pixel.
void check_classifies(const nn::Module& net, const Architecture& a);

// The network of an architecture with a graph; defined in the room onnx, which stands on this one.
// Its head is made anew, as a linear layer, where there are other classes than the graph has, or
// where `linear_head` asks for one and it has another.
std::unique_ptr<nn::Module> build_onnx(const Architecture& a);

// JSON: {"name": "resnet20", "input": [32, 32, 3], "classes": 10, "linear_head": false,
// "layers": [{"type": "conv", ...}], "members": [{"name": ...}], "graph": base64}.
std::string to_json(const Architecture& a);
Architecture architecture_from_json(std::string_view json);

}  // namespace fovea::models
