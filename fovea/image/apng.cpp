// Animated PNG: the chunks acTL, fcTL and fdAT of the PNG specification, third edition, sections
// 11.3.2.1 to 11.3.2.3, around the chunks of ordinary PNGs.
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <zlib.h>

#include "fovea/image/encode.h"
#include "fovea/image/geometry.h"

namespace fovea::image {

namespace {

using Bytes = std::vector<uint8_t>;

void put16(Bytes& to, uint32_t v) { to.insert(to.end(), {uint8_t(v >> 8), uint8_t(v)}); }
void put32(Bytes& to, uint32_t v) {
  put16(to, v >> 16);
  put16(to, v & 0xffff);
}

uint32_t read32(const uint8_t* p) {
  return uint32_t(p[0]) << 24 | uint32_t(p[1]) << 16 | uint32_t(p[2]) << 8 | p[3];
}

// Length, type, data, and a checksum of the last two.
void put_chunk(Bytes& to, std::string_view type, const Bytes& data) {
  put32(to, uint32_t(data.size()));
  const size_t begin = to.size();
  to.insert(to.end(), type.begin(), type.end());
  to.insert(to.end(), data.begin(), data.end());
  put32(to, uint32_t(crc32(0, to.data() + begin, uInt(to.size() - begin))));
}

// The data of all chunks of a type in a PNG of our own, together.
Bytes chunks_of(const Bytes& png, const char* type) {
  Bytes data;
  for (size_t at = 8; at + 12 <= png.size();) {
    const size_t length = read32(&png[at]);
    if (std::memcmp(&png[at + 4], type, 4) == 0)
      data.insert(
          data.end(), png.begin() + int64_t(at) + 8, png.begin() + int64_t(at + 8 + length));
    at += 12 + length;
  }
  return data;
}

// The smallest rectangle outside which both are the same; a pixel where nothing differs.
Rect changed(const Image& before, const Image& now) {
  int top = now.height, bottom = -1, left = now.width, right = -1;
  for (int y = 0; y < now.height; ++y)
    for (int x = 0; x < now.width; ++x) {
      if (std::memcmp(
              &before.row(y)[x * now.channels],
              &now.row(y)[x * now.channels],
              size_t(now.channels)) == 0)
        continue;
      top = std::min(top, y);
      bottom = y;
      left = std::min(left, x);
      right = std::max(right, x);
    }
  if (bottom < 0) return {0, 0, 1, 1};
  return {top, left, bottom - top + 1, right - left + 1};
}

// The rectangle of `now` with an alpha that hides what is as it was, so that it packs well.
Image difference(const Image& before, const Image& now, const Rect& r) {
  const int channels = now.channels;
  Image part(r.height, r.width, channels + 1);
  for (int y = 0; y < r.height; ++y)
    for (int x = 0; x < r.width; ++x) {
      const uint8_t* from = &now.row(r.top + y)[(r.left + x) * channels];
      const uint8_t* old = &before.row(r.top + y)[(r.left + x) * channels];
      if (std::memcmp(from, old, size_t(channels)) == 0) continue;
      uint8_t* to = &part.row(y)[x * part.channels];
      std::copy_n(from, channels, to);
      to[channels] = 255;
    }
  return part;
}

void check(std::span<const Image> frames, int milliseconds) {
  if (frames.empty() || milliseconds < 1 || milliseconds > 65535)
    throw std::invalid_argument(fmt::format(
        "[encode_apng] expected frames, shown for 1 to 65535 ms, got {} and {}",
        frames.size(),
        milliseconds));
  for (const Image& frame : frames) {
    check_image(frame, "encode_apng");
    const Image& first = frames[0];
    if (frame.height != first.height || frame.width != first.width ||
        frame.channels != first.channels)
      throw std::invalid_argument(fmt::format(
          "[encode_apng] expected frames of one size, got ({}, {}, {}) and ({}, {}, {})",
          first.height,
          first.width,
          first.channels,
          frame.height,
          frame.width,
          frame.channels));
  }
}

}  // namespace

std::vector<uint8_t> encode_apng(std::span<const Image> frames, int milliseconds) {
  check(frames, milliseconds);
  // Grey and RGB get an alpha for the differences; pictures with one are stored as they are.
  const int channels = frames[0].channels;
  const bool opaque = channels == 1 || channels == 3;
  const Bytes first = encode_png(opaque ? convert(frames[0], channels + 1) : frames[0]);
  Bytes file(first.begin(), first.begin() + 8);
  put_chunk(file, "IHDR", chunks_of(first, "IHDR"));
  Bytes animation;
  put32(animation, uint32_t(frames.size()));
  put32(animation, 0);  // plays without end
  put_chunk(file, "acTL", animation);

  uint32_t sequence = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    const Rect r =
        i == 0 ? Rect{0, 0, frames[0].height, frames[0].width} : changed(frames[i - 1], frames[i]);
    Bytes control;
    put32(control, sequence++);
    for (int v : {r.width, r.height, r.left, r.top}) put32(control, uint32_t(v));
    put16(control, uint32_t(milliseconds));
    put16(control, 1000);
    // The frame stays when the next comes, which is drawn over it or replaces it.
    control.insert(control.end(), {0, uint8_t(opaque && i > 0)});
    put_chunk(file, "fcTL", control);
    if (i == 0) {
      put_chunk(file, "IDAT", chunks_of(first, "IDAT"));
      continue;
    }
    Bytes data;
    put32(data, sequence++);
    const Image part = opaque ? difference(frames[i - 1], frames[i], r) : crop(frames[i], r);
    const Bytes packed = chunks_of(encode_png(part), "IDAT");
    data.insert(data.end(), packed.begin(), packed.end());
    put_chunk(file, "fdAT", data);
  }
  put_chunk(file, "IEND", {});
  return file;
}

}  // namespace fovea::image
