// Feeds bytes to the image decoders: the result must be a picture within the limit or IoError.

#include <cstdlib>

#include "fovea/core/errors.h"
#include "fovea/image/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fovea::image;
  if (size == 0) return 0;
  // The last byte chooses the options, so that the rest is a file from its first byte.
  const uint8_t choice = data[size - 1];
  constexpr int channels[] = {0, 1, 3, 4};
  const DecodeOptions options{
      .channels = channels[choice & 3],
      .min_size = (choice & 4) != 0 ? 16 : 0,
      .allow_damaged = (choice & 8) != 0,
      .max_pixels = 1 << 20};
  const std::span<const uint8_t> bytes(data, size);
  try {
    const ImageInfo info = probe(bytes, options);
    const Image image = decode(bytes, options);
    const bool reduced = options.min_size > 0 && info.format == Format::jpeg;
    const bool fits = reduced || (image.height == info.height && image.width == info.width);
    if (!fits || image.channels != info.channels) std::abort();
  } catch (const fovea::IoError&) {
  }
  return 0;
}
