#pragma once

// What the decoders of the single formats share; private to the room.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fovea/image/decode.h"

namespace fovea::image {

// The bytes of one file, its name for messages, and how to decode it.
struct Source {
  std::span<const uint8_t> bytes;
  std::string_view name;
  const DecodeOptions& options;

  [[noreturn]] void fail(const std::string& message, std::optional<uint64_t> offset = {}) const;

  // Throws unless both sides are positive and the picture is within max_pixels.
  void check_size(uint64_t height, uint64_t width) const;
};

// Header as stored: sides before the orientation is applied.
ImageInfo probe_jpeg(const Source& source);
ImageInfo probe_png(const Source& source);
ImageInfo probe_webp(const Source& source);
ImageInfo probe_bmp(const Source& source);
ImageInfo probe_pnm(const Source& source);

// Pixels as stored, with 1, 3 or 4 channels; sets `orientation` (1 when the file has none).
Image decode_jpeg(const Source& source, int& orientation);
Image decode_png(const Source& source, int& orientation);
Image decode_webp(const Source& source, int& orientation);
Image decode_bmp(const Source& source, int& orientation);
Image decode_pnm(const Source& source, int& orientation);

// The orientation tag (0x0112) of a TIFF block as EXIF holds it, 1 when it is absent or not valid;
// an "Exif\0\0" prefix is skipped. CIPA DC-008 (EXIF 2.3), section 4.6.
int exif_orientation(std::span<const uint8_t> tiff);

// Throws with what the bytes look like: a known format that is not supported, text, or unknown.
[[noreturn]] void fail_unknown(const Source& source);

inline uint32_t le16(const uint8_t* p) { return p[0] | uint32_t(p[1]) << 8; }
inline uint32_t le32(const uint8_t* p) { return le16(p) | le16(p + 2) << 16; }

}  // namespace fovea::image
