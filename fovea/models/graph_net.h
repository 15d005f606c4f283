#pragma once

#include <memory>

#include "fovea/formats/layer_graph.h"
#include "fovea/nn/module.h"

namespace fovea::models {

// A network from Caffe's or ncnn's files, with their weights, as a module: each layer is a scope
// under its name, with "weight" and "bias" as elsewhere. The last value is the result, (N, classes)
// where the network ends in a global pooling or a linear layer; a softmax at the end is left out,
// so that the result are scores as of any other network. Batch norm uses the file's statistics in
// training too. Throws std::invalid_argument naming the layer whose inputs or weights do not fit.
std::unique_ptr<nn::Module> build_graph(const formats::LayerGraph& graph);

}  // namespace fovea::models
