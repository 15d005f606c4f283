#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fovea/formats/onnx.h"

namespace fovea::onnx {

// A node of one output, after which it is named.
inline formats::OnnxNode node(const char* op, std::vector<std::string> in, std::string out) {
  formats::OnnxNode n;
  n.op = op;
  n.name = "the_" + out;
  n.inputs = std::move(in);
  n.outputs = {std::move(out)};
  return n;
}

}  // namespace fovea::onnx
