// Feeds arbitrary bytes to the ONNX loader, as a file and as the graph that a model file holds:
// what it refuses must be an IoError, a list of what is not supported or, for the graph, what does
// not fit the architecture.

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "fovea/core/errors.h"
#include "fovea/models/architecture.h"
#include "fovea/onnx/graph.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    fovea::onnx::parse(std::as_bytes(std::span(data, size)), "fuzz");
  } catch (const fovea::IoError&) {
  } catch (const fovea::onnx::UnsupportedError&) {
  }
  const fovea::models::Architecture grey{
      .name = "onnx",
      .input = {8, 8, 1},
      .classes = 3,
      .linear_head = true,
      .graph = std::string(reinterpret_cast<const char*>(data), size)};
  try {
    fovea::models::build(grey);
  } catch (const fovea::IoError&) {
  } catch (const fovea::onnx::UnsupportedError&) {
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
