#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "fovea/formats/mapped_file.h"

namespace fovea::formats {

// Where a tensor says that its bytes are: the values of the keys location, offset and length; ""
// for one that it leaves out.
struct ExternalPlace {
  std::string location, offset, length;
};

// The files beside an ONNX model that hold its larger tensors (onnx.proto, external_data), mapped
// when they are first asked for. A model names them by paths relative to its folder; nothing
// outside of that folder is read.
class ExternalFiles {
 public:
  explicit ExternalFiles(std::string model) : model_(std::move(model)) {}

  // The bytes of a tensor, of which there must be `size`; `what` calls it in messages. Throws
  // IoError of the model for a file that is not there, may not be read, or does not hold them.
  std::span<const std::byte> bytes_of(
      const ExternalPlace& place, const std::string& what, size_t size);

 private:
  const MappedFile& file(const std::string& location, const std::string& what);

  std::string model_;
  std::map<std::string, MappedFile> files_;  // by location
};

}  // namespace fovea::formats
