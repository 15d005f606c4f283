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
  bool norm = false;                        // of a module with running statistics
};

// Of all modules, or nodes of an ONNX graph, in the order in which they ran, and of the network,
// "output", last.
std::vector<LayerOutput> outputs_of(const models::Model& m, const Tensor& x);

// One output and those of the other network that may be the same.
struct LayerPair {
  std::string name;
  Tensor a;
  std::vector<Tensor> b;
};

// Pairs by name. Where one network is an ONNX graph, its nodes count for the module that their
// names begin with, and so do activations and sums that follow; a module that the export folded
// into the one before it (batch norm into a convolution) stands for both.
std::vector<LayerPair> pairs_of(
    const models::Model& a,
    const std::vector<LayerOutput>& of_a,
    const models::Model& b,
    const std::vector<LayerOutput>& of_b);

}  // namespace fovea::cli
