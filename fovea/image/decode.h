#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "fovea/image/image.h"

namespace fovea::image {

enum class Format : uint8_t { jpeg, png, webp, bmp, pnm };

std::string_view name_of(Format format);  // "JPEG", "PNG", ...

struct DecodeOptions {
  // 1 grey, 3 RGB, 4 RGB and alpha; 0 keeps what the file has, as one of these three.
  int channels = 0;
  // A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as its shorter side stays at least
  // this; 0 decodes at full size. Twice the final size costs nothing that can be seen.
  int min_size = 0;
  // Turns and mirrors the picture as the EXIF orientation of JPEG, PNG and WebP files says.
  bool apply_orientation = true;
  // Returns what can be read of a truncated or damaged picture instead of throwing.
  bool allow_damaged = false;
  // Larger pictures are refused before anything is allocated. The default is where Pillow stops
  // too.
  uint64_t max_pixels = 178'956'970;
};

// What the header says. Sides are as decode() would return them at full size.
struct ImageInfo {
  Format format = Format::jpeg;
  int height = 0, width = 0;
  int channels = 0;     // 1, 3 or 4
  int orientation = 1;  // EXIF, 1..8
};

// Decodes JPEG (grey, RGB, YCbCr, CMYK, YCCK; baseline and progressive), PNG (every kind, 16 bits
// cut to 8), WebP (not animated), BMP (1 to 32 bits, RLE) or PBM/PGM/PPM (P1 to P6), told apart by
// content. Pixels equal Pillow's. Throws IoError naming the file, what was found in it and what to
// do; warnings that mean lost pixels are errors too. Never reads outside `bytes`.
Image decode(
    std::span<const uint8_t> bytes,
    const DecodeOptions& options = {},
    std::string_view name = "image");

// The same for a file.
Image load(const std::filesystem::path& path, const DecodeOptions& options = {});

// Reads the header only; errors and limits as in decode().
ImageInfo probe(
    std::span<const uint8_t> bytes,
    const DecodeOptions& options = {},
    std::string_view name = "image");

}  // namespace fovea::image
