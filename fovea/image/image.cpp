#include "fovea/image/image.h"

#include <memory>
#include <new>
#include <stdexcept>

#include <fmt/format.h>

#include "fovea/core/allocator.h"

namespace fovea::image {

#ifdef __SANITIZE_ADDRESS__
void* allocate_pixels(size_t bytes) { return ::operator new(bytes); }
void release_pixels(void* block, size_t) noexcept { ::operator delete(block); }
#else
namespace {

Allocator& allocator() {
  // Never destroyed: pictures in static storage may outlive any order of destruction.
  static Allocator* allocator = std::make_unique<Allocator>().release();
  return *allocator;
}

}  // namespace

void* allocate_pixels(size_t bytes) { return allocator().allocate(bytes); }
void release_pixels(void* block, size_t bytes) noexcept { allocator().release(block, bytes); }
#endif

Image::Image(int height_, int width_, int channels_, uint8_t fill)
    : height(height_), width(width_), channels(channels_) {
  if (height < 0 || width < 0 || channels < 1 || channels > 4) {
    throw std::invalid_argument(fmt::format(
        "[image] expected sides >= 0 and 1 to 4 channels, got ({}, {}, {})",
        height,
        width,
        channels));
  }
  pixels.assign(size_t(height) * row_bytes(), fill);
}

void check_image(const Image& image, const char* op) {
  bool shaped = image.height > 0 && image.width > 0 && image.channels >= 1 && image.channels <= 4;
  if (!shaped) {
    throw std::invalid_argument(fmt::format(
        "[{}] expected an image with pixels and 1 to 4 channels, got ({}, {}, {})",
        op,
        image.height,
        image.width,
        image.channels));
  }
  if (image.pixels.size() != size_t(image.height) * image.row_bytes()) {
    throw std::invalid_argument(fmt::format(
        "[{}] expected {} bytes for an image of ({}, {}, {}), got {}",
        op,
        size_t(image.height) * image.row_bytes(),
        image.height,
        image.width,
        image.channels,
        image.pixels.size()));
  }
}

Image convert(Image image, int channels) {
  check_image(image, "convert");
  if (channels < 1 || channels > 4)
    throw std::invalid_argument(
        fmt::format("[convert] expected 1 to 4 channels, got {}", channels));
  if (image.channels == channels) return image;

  Image out(image.height, image.width, channels);
  const size_t count = size_t(image.height) * size_t(image.width);
  const int from = image.channels;
  const bool from_colour = from >= 3, to_colour = channels >= 3;
  const uint8_t* p = image.pixels.data();
  uint8_t* q = out.pixels.data();
  for (size_t i = 0; i < count; ++i, p += from, q += channels) {
    if (to_colour) {
      q[0] = p[0];
      q[1] = from_colour ? p[1] : p[0];
      q[2] = from_colour ? p[2] : p[0];
    } else {
      q[0] = from_colour ? luma(p[0], p[1], p[2]) : p[0];
    }
    if (channels % 2 == 0) q[channels - 1] = from % 2 == 0 ? p[from - 1] : uint8_t(255);
  }
  return out;
}

}  // namespace fovea::image
