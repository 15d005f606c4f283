// The one EXIF tag that changes how a picture looks.

#include <algorithm>
#include <string_view>

#include "fovea/image/codec.h"

namespace fovea::image {

int exif_orientation(std::span<const uint8_t> tiff) {
  constexpr std::string_view prefix("Exif\0\0", 6);
  auto starts_with = [&](std::string_view s) {
    return tiff.size() >= s.size() && std::equal(s.begin(), s.end(), tiff.begin());
  };
  if (starts_with(prefix)) tiff = tiff.subspan(prefix.size());
  bool little = starts_with(std::string_view("II*\0", 4));
  if (tiff.size() < 8 || (!little && !starts_with(std::string_view("MM\0*", 4)))) return 1;

  auto u16 = [&](size_t at) {
    return little ? le16(&tiff[at]) : uint32_t(tiff[at]) << 8 | tiff[at + 1];
  };
  auto u32 = [&](size_t at) { return little ? le32(&tiff[at]) : u16(at) << 16 | u16(at + 2); };

  size_t directory = u32(4);
  if (directory > tiff.size() - 2) return 1;
  size_t entries = std::min<size_t>(u16(directory), (tiff.size() - directory - 2) / 12);
  for (size_t i = 0; i < entries; ++i) {
    size_t entry = directory + 2 + 12 * i;
    if (u16(entry) != 0x0112) continue;
    constexpr uint32_t type_short = 3;
    uint32_t value = u16(entry + 8);
    bool valid = u16(entry + 2) == type_short && u32(entry + 4) == 1 && value >= 1 && value <= 8;
    return valid ? int(value) : 1;
  }
  return 1;
}

}  // namespace fovea::image
