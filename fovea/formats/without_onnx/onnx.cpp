#include "fovea/formats/onnx.h"

#include <stdexcept>

namespace fovea::formats {

namespace {

[[noreturn]] void absent() {
  throw std::runtime_error("this build of fovea has no ONNX: it was made with FOVEA_ONNX=OFF");
}

}  // namespace

OnnxModel read_onnx(const std::string&) { absent(); }
OnnxModel parse_onnx(std::span<const std::byte>, const std::string&) { absent(); }
Tensor parse_onnx_tensor(std::span<const std::byte>, const std::string&) { absent(); }
std::string onnx_bytes(const OnnxModel&) { absent(); }
std::string unchecked_onnx_bytes(const OnnxModel&) { absent(); }

}  // namespace fovea::formats
