#pragma once

#include <string>
#include <vector>

#include "fovea/formats/onnx.h"
#include "fovea/models/model_file.h"

// What the layers of a network give for one batch, and which layers of two networks correspond.
namespace fovea::cli {

struct LayerOutput {
  std::string name;
  Tensor value;
  const formats::OnnxNode* node = nullptr;  // of an ONNX graph, which holds it
  bool by_weights = false;                  // a node that is called after its weights
  bool norm = false;                        // of a module with running statistics
  std::string from;                         // the module whose output such a one normalises
  Tensor scaled;  // the value times a constant, where the network goes on with that
};

// Of all modules, or nodes of an ONNX graph, in the order in which they ran, and of the network,
// "output", last.
std::vector<LayerOutput> outputs_of(const models::Model& m, const Tensor& x);

// The outputs of a layer of either network, of which any two may be the same.
struct LayerPair {
  std::string name;
  std::vector<Tensor> a, b;
};

// Pairs by name, and the "output" at last. Where one network is an ONNX graph, its nodes count for
// the module that their names begin with, and so do activations and sums that follow. A module that
// the export folded into the one whose output it is given (batch norm into a convolution) stands
// for both, and so does a constant factor behind it.
std::vector<LayerPair> pairs_of(
    const models::Model& a,
    const std::vector<LayerOutput>& of_a,
    const models::Model& b,
    const std::vector<LayerOutput>& of_b);

}  // namespace fovea::cli
