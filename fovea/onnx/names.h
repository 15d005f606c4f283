#pragma once

#include <string>

#include "fovea/formats/onnx.h"

// From the names of nodes to paths of modules.
namespace fovea::onnx {

// PyTorch's "/layer1/layer1.0/conv1/Conv" as "layer1.0.conv1.Conv"; other names as they are.
std::string module_name(const std::string& node);

// The path of the module that a node is: its name, or that of its first output, with parts between
// points, and without the operator at the end for a node that has weights.
std::string module_path(const formats::OnnxNode& node, bool has_weights);

}  // namespace fovea::onnx
