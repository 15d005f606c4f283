// Feeds bytes to the reader of PyTorch's files, which must give tensors or an IoError.

#include "fovea/core/errors.h"
#include "fovea/formats/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  try {
    fovea::formats::parse_torch(file, "fuzz");
  } catch (const fovea::IoError&) {
  }
  return 0;
}
