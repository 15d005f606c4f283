// Feeds arbitrary bytes to the safetensors reader: whatever it admits must be readable to the last
// byte, whatever it refuses must be an IoError.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "fovea/core/errors.h"
#include "fovea/formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    auto file =
        fovea::formats::SafetensorsFile::parse(std::as_bytes(std::span(data, size)), "fuzz");
    size_t total = 0;
    unsigned sum = 0;
    for (const auto& [name, tensor] : file.tensors()) {
      if (size_t(tensor.shape.numel()) * size_of(tensor.dtype) != tensor.bytes.size()) std::abort();
      for (std::byte b : tensor.bytes) sum += unsigned(b);
      total += tensor.bytes.size();
    }
    if (total > size || sum > 255 * size) std::abort();
  } catch (const fovea::IoError&) {
  }
  return 0;
}
