#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "fovea/core/dtype.h"
#include "fovea/core/shape.h"
#include "fovea/formats/mapped_file.h"

namespace fovea::formats {

// The safetensors format (huggingface/safetensors, format.md): an 8-byte little-endian header
// length, a JSON header, then every tensor row-major without gaps. Free text travels in metadata.
using Metadata = std::map<std::string, std::string>;

// One stored tensor; `bytes` holds shape.numel() little-endian elements. They start aligned to the
// element size when the file came from our writer or the reference one, else possibly not.
struct TensorView {
  Dtype dtype;
  Shape shape;
  std::span<const std::byte> bytes;
};

struct NamedTensorView {
  std::string name;
  TensorView tensor;
};

// A file that passed every check: header at most 100 MB of valid JSON, known dtypes, sizes that
// agree with dtype and shape, data covered once without overlap or hole, bools 0 or 1.
class SafetensorsFile {
 public:
  // Maps the file; views stay valid while a copy of the returned object lives. Throws IoError with
  // the byte offset of the first thing that is wrong.
  static SafetensorsFile open(const std::filesystem::path& path);

  // The same over bytes that the caller keeps alive; `name` stands for the path in errors.
  static SafetensorsFile parse(std::span<const std::byte> bytes, const std::string& name);

  const Metadata& metadata() const { return metadata_; }
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  bool contains(const std::string& name) const { return tensors_.contains(name); }

  // Throws std::invalid_argument with the nearest names when there is no such tensor.
  const TensorView& at(const std::string& name) const;

 private:
  std::string path_;
  std::optional<MappedFile> file_;
  Metadata metadata_;
  std::map<std::string, TensorView> tensors_;
};

// Writes atomically, byte for byte as the reference writer does: largest element type first, then
// by name, header padded so that data starts at a multiple of 8. Metadata keys are sorted. Throws
// std::invalid_argument for a repeated name or bytes that do not fit the shape.
void write_safetensors(
    const std::filesystem::path& path,
    std::span<const NamedTensorView> tensors,
    const Metadata& metadata = {});

}  // namespace fovea::formats
