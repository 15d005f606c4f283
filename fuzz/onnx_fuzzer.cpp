// Feeds arbitrary bytes to the ONNX loader: what it refuses must be an IoError or a list of what is
// not supported.

#include <cstddef>
#include <cstdint>
#include <span>

#include "fovea/core/errors.h"
#include "fovea/onnx/graph.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    fovea::onnx::parse(std::as_bytes(std::span(data, size)), "fuzz");
  } catch (const fovea::IoError&) {
  } catch (const fovea::onnx::UnsupportedError&) {
  }
  return 0;
}
