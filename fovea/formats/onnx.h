#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/core/tensor.h"

// The ONNX file format (github.com/onnx/onnx, docs/IR.md) as plain data: what a file says, not what
// it means. The meaning is in fovea/onnx. In a build with FOVEA_ONNX=OFF the functions throw
// std::runtime_error.
namespace fovea::formats {

// One attribute of a node; the member that `type` names holds the value.
struct OnnxAttribute {
  enum class Type : uint8_t { none, number, integer, text, tensor, numbers, integers, other };
  Type type = Type::none;
  float number = 0;
  int64_t integer = 0;
  std::string text;
  Tensor tensor;
  std::vector<float> numbers;
  std::vector<int64_t> integers;
};

struct OnnxNode {
  std::string op, domain, name;
  std::vector<std::string> inputs, outputs;  // "" where an optional one is left out
  std::map<std::string, OnnxAttribute> attributes;

  std::string str() const;  // `node "conv1" (Conv)`, or named by its first output
};

// What a file says of an input or output.
struct OnnxValue {
  std::string name;
  std::string type;            // "f32", or the name of a type that fovea does not have
  std::optional<Dtype> dtype;  // absent for such a type
  // Extents; -1 for one that is free. Absent where the file gives no shape.
  std::optional<std::vector<int64_t>> shape;
};

// What the reader met and cannot represent: `tensor "w"`, " of type STRING".
struct OnnxFault {
  std::string where, what;
};

struct OnnxModel {
  std::map<std::string, int64_t> opsets;  // by domain; "" is the standard one
  std::string producer;
  std::vector<OnnxNode> nodes;
  std::vector<std::pair<std::string, Tensor>> initializers;
  std::vector<OnnxValue> inputs, outputs;  // an input that is an initializer too is left out
  std::map<std::string, std::string> metadata;
  std::vector<OnnxFault> refused;

  int64_t opset() const;  // of the standard operators; 0 without
};

// Throw IoError for anything that is not a whole ONNX model. Tensors that lie in files beside the
// model (external data) are read where it has a path, and refused where it is bytes alone.
OnnxModel read_onnx(const std::string& path);
OnnxModel parse_onnx(std::span<const std::byte> bytes, const std::string& name);

// A file with one tensor, as the ONNX test suites have them.
Tensor parse_onnx_tensor(std::span<const std::byte> bytes, const std::string& name);

// The bytes of the model. They passed the checker of the ONNX library; throws std::logic_error with
// its words otherwise. A free extent is written as the symbol "N". Tensors must be evaluated.
std::string onnx_bytes(const OnnxModel& model);

// The same without the checker, for what was read from a file and is for fovea alone: outputs may
// lack a type and a shape.
std::string unchecked_onnx_bytes(const OnnxModel& model);

}  // namespace fovea::formats
