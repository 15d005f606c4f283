#include <fmt/format.h>

#include "fovea/formats/onnx.h"

namespace fovea::formats {

std::string OnnxNode::str() const {
  const std::string& called = !name.empty() || outputs.empty() ? name : outputs[0];
  return fmt::format("node \"{}\" ({})", called, op);
}

int64_t OnnxModel::opset() const {
  for (const char* domain : {"", "ai.onnx"})
    if (auto it = opsets.find(domain); it != opsets.end()) return it->second;
  return 0;
}

}  // namespace fovea::formats
