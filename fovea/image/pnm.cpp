// The Netpbm formats: PBM (P1, P4), PGM (P2, P5), PPM (P3, P6), plain and binary.

#include <algorithm>

#include <fmt/format.h>

#include "fovea/image/codec.h"

namespace fovea::image {

namespace {

bool is_space(uint8_t c) { return c == ' ' || (c >= 9 && c <= 13); }

class Reader {
 public:
  explicit Reader(const Source& source) : source_(source), kind_(source.bytes[1] - '0') {
    uint64_t width = read_number("width"), height = read_number("height");
    maxval_ = kind_ == 1 || kind_ == 4 ? 1 : read_number("maximum value");
    if (maxval_ < 1 || maxval_ > 65535)
      source_.fail(fmt::format("is a PPM with maximum value {}, expected 1 to 65535", maxval_));
    source_.check_size(height, width);
    height_ = int(height);
    width_ = int(width);
    if (kind_ >= 4) ++at_;  // one white space ends a binary header
  }

  ImageInfo info() const {
    return ImageInfo{
        .format = Format::pnm,
        .height = height_,
        .width = width_,
        .channels = kind_ % 3 == 0 ? 3 : 1};
  }

  Image read_pixels() {
    // The least number of bytes the samples take, checked before they are allocated.
    const uint64_t samples = uint64_t(height_) * uint64_t(width_) * uint64_t(info().channels);
    uint64_t need = samples;
    if (kind_ == 4) need = uint64_t(height_) * uint64_t((width_ + 7) / 8);
    if (kind_ >= 5 && maxval_ > 255) need = 2 * samples;
    if (kind_ == 2 || kind_ == 3) need = 2 * samples - 1;
    uint64_t left = source_.bytes.size() - std::min(at_, source_.bytes.size());
    if (left < need && !source_.options.allow_damaged) {
      source_.fail(
          fmt::format(
              "is a truncated PPM: its pixels take {} bytes, found {}; copy or download it again",
              need,
              left),
          source_.bytes.size());
    }
    Image image(height_, width_, info().channels);
    switch (kind_) {
      case 1:
        read_plain_bits(image);
        break;
      case 4:
        read_bits(image);
        break;
      case 2:
      case 3:
        read_plain(image);
        break;
      default:
        read_binary(image);
        break;
    }
    return image;
  }

 private:
  bool at_end() const { return at_ >= source_.bytes.size(); }

  void skip_space() {
    while (!at_end() && (is_space(source_.bytes[at_]) || source_.bytes[at_] == '#')) {
      if (source_.bytes[at_] == '#')
        while (!at_end() && source_.bytes[at_] != '\n') ++at_;
      else
        ++at_;
    }
  }

  uint64_t read_number(const char* what) {
    skip_space();
    uint64_t value = 0;
    size_t start = at_;
    while (!at_end() && source_.bytes[at_] >= '0' && source_.bytes[at_] <= '9' && at_ < start + 12)
      value = value * 10 + (source_.bytes[at_++] - '0');
    if (at_ == start) {
      source_.fail(
          fmt::format(
              "is a {} PPM (expected a number for its {}); copy or download it again",
              at_end() ? "truncated" : "damaged",
              what),
          at_);
    }
    return value;
  }

  uint8_t scale(uint64_t v) const {
    v = std::min(v, maxval_);
    return maxval_ == 255 ? uint8_t(v) : uint8_t((v * 255 + maxval_ / 2) / maxval_);
  }

  void read_plain_bits(Image& image) {
    for (uint8_t& p : image.pixels) {
      skip_space();
      if (at_end()) return end_early();
      uint8_t c = source_.bytes[at_++];
      if (c != '0' && c != '1')
        source_.fail(
            "is a damaged PBM (expected 0 or 1 for a pixel); copy or download it again", at_ - 1);
      p = c == '1' ? 0 : 255;
    }
  }

  void read_bits(Image& image) {
    for (int y = 0; y < height_; ++y) {
      for (int x = 0; x < width_; ++x) {
        size_t byte = at_ + size_t(x / 8);
        if (byte >= source_.bytes.size()) return;
        image.at(y, x) = (source_.bytes[byte] >> (7 - x % 8)) & 1 ? 0 : 255;
      }
      at_ += size_t((width_ + 7) / 8);
    }
  }

  void read_plain(Image& image) {
    for (uint8_t& p : image.pixels) {
      skip_space();
      if (at_end()) return end_early();
      p = scale(read_number("pixel"));
    }
  }

  void read_binary(Image& image) {
    const size_t size = maxval_ > 255 ? 2 : 1;
    for (uint8_t& p : image.pixels) {
      if (at_ + size > source_.bytes.size()) return;
      uint64_t v = source_.bytes[at_];
      if (size == 2) v = v << 8 | source_.bytes[at_ + 1];
      p = scale(v);
      at_ += size;
    }
  }

  void end_early() const {
    if (!source_.options.allow_damaged)
      source_.fail("is a truncated PPM (pixels are missing); copy or download it again", at_);
  }

  const Source& source_;
  int kind_;
  size_t at_ = 2;
  uint64_t maxval_ = 1;
  int height_ = 0, width_ = 0;
};

}  // namespace

ImageInfo probe_pnm(const Source& source) { return Reader(source).info(); }

Image decode_pnm(const Source& source, int&) { return Reader(source).read_pixels(); }

}  // namespace fovea::image
