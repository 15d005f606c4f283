#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "fovea/image/image.h"

namespace fovea::image {

enum class Chroma : uint8_t { half, full };  // colour at half resolution (4:2:0), or full (4:4:4)

struct JpegOptions {
  int quality = 90;  // 1..100, libjpeg's scale
  Chroma chroma = Chroma::half;
};

// A JPEG file of a grey or RGB image.
std::vector<uint8_t> encode_jpeg(const Image& image, const JpegOptions& options = {});

// A PNG file of an image with 1 to 4 channels.
std::vector<uint8_t> encode_png(const Image& image);

// An animated PNG of frames of one size, shown for `milliseconds` each (1 to 65535) again and
// again. What a viewer without animation shows is the first frame. Of each later frame only what
// changed is stored.
std::vector<uint8_t> encode_apng(std::span<const Image> frames, int milliseconds);

// Writes .png, .jpg or .jpeg as the name says, whole or not at all. Throws std::invalid_argument
// for another ending and IoError when the file cannot be written.
void save(const std::filesystem::path& path, const Image& image, const JpegOptions& options = {});

}  // namespace fovea::image
