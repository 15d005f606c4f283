#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/formats/safetensors.h"

// The JSON header of a safetensors file, apart from the bytes it describes.
namespace fovea::formats {

inline constexpr uint64_t safetensors_prefix = 8;  // bytes of header length
inline constexpr uint64_t safetensors_max_header = 100'000'000;

struct HeaderEntry {
  std::string name;
  Dtype dtype;
  Shape shape;
  std::array<uint64_t, 2> offsets;  // begin and end, counted from the end of the header
};

struct Header {
  std::vector<HeaderEntry> entries;  // in the order of the file
  Metadata metadata;
};

// Admits exactly the grammar of the format. Throws IoError for `path`, with a byte offset that
// counts from the start of the file.
Header parse_header(std::string_view json, const std::string& path);

// The JSON text, padded with spaces to a multiple of 8.
std::string format_header(const Header& header);

// Where the reference writer puts a type: larger comes first in the file.
int storage_rank(Dtype t);

}  // namespace fovea::formats
