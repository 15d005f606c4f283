// WebP through libwebp.

#include <cstring>
#include <new>
#include <stdexcept>

#include <fmt/format.h>
#include <webp/decode.h>

#include "fovea/image/codec.h"

namespace fovea::image {

namespace {

[[noreturn]] void fail(const Source& source, VP8StatusCode status) {
  if (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED)
    source.fail(
        "is a truncated WebP (data ends early); copy or download it again", source.bytes.size());
  if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
  source.fail("is a damaged WebP (the bitstream is not valid); copy or download it again");
}

// The EXIF chunk of the RIFF container; chunks are padded to even sizes.
int orientation_of(std::span<const uint8_t> bytes) {
  for (size_t at = 12; bytes.size() - at >= 8;) {
    size_t size = le32(&bytes[at + 4]), left = bytes.size() - at - 8;
    if (size > left) break;
    if (std::memcmp(&bytes[at], "EXIF", 4) == 0)
      return exif_orientation(bytes.subspan(at + 8, size));
    size += size & 1;
    if (size > left) break;
    at += 8 + size;
  }
  return 1;
}

}  // namespace

ImageInfo probe_webp(const Source& source) {
  WebPBitstreamFeatures features;
  VP8StatusCode status = WebPGetFeatures(source.bytes.data(), source.bytes.size(), &features);
  if (status != VP8_STATUS_OK) fail(source, status);
  if (features.has_animation)
    source.fail("is an animated WebP, which is not supported; extract its frames as PNG");
  source.check_size(uint64_t(features.height), uint64_t(features.width));
  return ImageInfo{
      .format = Format::webp,
      .height = features.height,
      .width = features.width,
      .channels = features.has_alpha ? 4 : 3,
      .orientation = orientation_of(source.bytes)};
}

Image decode_webp(const Source& source, int& orientation) {
  ImageInfo info = probe_webp(source);
  orientation = info.orientation;
  Image image(info.height, info.width, info.channels);
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config))
    throw std::logic_error("libwebp headers do not fit its library");
  config.output.colorspace = info.channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {
      .rgba = image.pixels.data(), .stride = int(image.row_bytes()), .size = image.pixels.size()};
  VP8StatusCode status = WebPDecode(source.bytes.data(), source.bytes.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK && !source.options.allow_damaged) fail(source, status);
  return image;
}

}  // namespace fovea::image
