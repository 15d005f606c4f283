#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace fovea::image {

void* allocate_pixels(size_t bytes);
void release_pixels(void* block, size_t bytes) noexcept;

// Takes the memory of pictures from an allocator of their own, which keeps freed blocks: fresh
// pages cost as much as decoding. The address sanitizer sees every block by itself.
template <typename T>
struct PixelAllocator {
  using value_type = T;

  PixelAllocator() = default;
  template <typename U>
  PixelAllocator(const PixelAllocator<U>&) {}

  T* allocate(size_t n) { return static_cast<T*>(allocate_pixels(n * sizeof(T))); }
  void deallocate(T* p, size_t n) noexcept { release_pixels(p, n * sizeof(T)); }

  friend bool operator==(PixelAllocator, PixelAllocator) { return true; }
};

using PixelBytes = std::vector<uint8_t, PixelAllocator<uint8_t>>;

// An 8-bit picture, row-major (height, width, channels). 1 channel is grey, 2 grey and alpha, 3
// RGB, 4 RGB and alpha (not premultiplied).
struct Image {
  int height = 0, width = 0, channels = 0;
  PixelBytes pixels;

  Image() = default;
  // All pixels set to `fill`; throws unless the sides are >= 0 and channels is 1..4.
  Image(int height_, int width_, int channels_, uint8_t fill = 0);

  bool empty() const { return pixels.empty(); }
  size_t row_bytes() const { return size_t(width) * size_t(channels); }
  uint8_t* row(int y) { return pixels.data() + size_t(y) * row_bytes(); }
  const uint8_t* row(int y) const { return pixels.data() + size_t(y) * row_bytes(); }
  uint8_t& at(int y, int x, int c = 0) { return row(y)[size_t(x) * size_t(channels) + size_t(c)]; }
  uint8_t at(int y, int x, int c = 0) const {
    return row(y)[size_t(x) * size_t(channels) + size_t(c)];
  }

  friend bool operator==(const Image&, const Image&) = default;
};

// Throws unless the image has pixels, 1..4 channels and as many bytes as its sides say; `op` names
// the caller in the message.
void check_image(const Image& image, const char* op);

// The image with the asked number of channels (1..4): grey is copied into RGB, RGB becomes grey by
// the luma of ITU-R BT.601 in the fixed point of Pillow's "L" mode, a lost alpha is dropped without
// blending (as Pillow's convert("RGB") does), a new alpha is 255.
Image convert(Image image, int channels);
inline Image to_grey(Image image) { return convert(std::move(image), 1); }
inline Image to_rgb(Image image) { return convert(std::move(image), 3); }

// ITU-R BT.601 luma in Pillow's fixed point, rounded.
inline uint8_t luma(uint8_t r, uint8_t g, uint8_t b) {
  return uint8_t((r * 19595u + g * 38470u + b * 7471u + 0x8000u) >> 16);
}

}  // namespace fovea::image
