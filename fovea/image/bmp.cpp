// Windows and OS/2 bitmaps: 1 to 32 bits, palettes, bit fields, run lengths, either row order.

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include <fmt/format.h>

#include "fovea/image/codec.h"

namespace fovea::image {

namespace {

enum Compression : uint32_t { plain = 0, rle8 = 1, rle4 = 2, bit_fields = 3, alpha_bit_fields = 6 };

// One channel of a 16- or 32-bit pixel.
struct Field {
  uint32_t mask = 0;
  uint8_t get(uint32_t pixel) const {
    if (mask == 0) return 0;
    int shift = std::countr_zero(mask);
    return uint8_t(uint64_t((pixel & mask) >> shift) * 255 / (mask >> shift));
  }
};

class Reader {
 public:
  explicit Reader(const Source& source) : source_(source), bytes_(source.bytes) {
    need(26, "its header");
    pixels_at_ = le32(&bytes_[10]);
    header_size_ = le32(&bytes_[14]);
    constexpr std::array known{12u, 16u, 40u, 52u, 56u, 64u, 108u, 124u};
    if (std::find(known.begin(), known.end(), header_size_) == known.end()) {
      source_.fail(fmt::format("is not a BMP that can be read (header size {})", header_size_), 14);
    }
    need(14 + size_t(header_size_), "its header");
    if (header_size_ == 12)
      read_core_header();
    else
      read_info_header();
    check_kind();
    source_.check_size(height_, width_);
    size_t palette_at = 14 + header_size_;
    if (header_size_ == 40 && compression_ == bit_fields) palette_at += 12;
    if (header_size_ == 40 && compression_ == alpha_bit_fields) palette_at += 16;
    if (bits_ <= 8) read_palette(palette_at);
  }

  ImageInfo info() const {
    return ImageInfo{
        .format = Format::bmp,
        .height = int(height_),
        .width = int(width_),
        .channels = bits_ <= 8             ? (grey_ ? 1 : 3)
                    : fields_[3].mask != 0 ? 4
                                           : 3};
  }

  Image read_pixels() {
    if (compression_ == rle8 || compression_ == rle4) return read_runs();
    const size_t stride = (size_t(width_) * size_t(bits_) + 31) / 32 * 4;
    const uint64_t size = uint64_t(stride) * height_;
    if (!source_.options.allow_damaged) need(pixels_at_ + size, "its pixels");
    const ImageInfo header = info();
    Image image(header.height, header.width, header.channels);
    for (int y = 0; y < image.height; ++y) {
      uint64_t at = pixels_at_ + uint64_t(stride) * uint64_t(y);
      if (at + stride > bytes_.size()) break;
      read_row(&bytes_[at], image, top_down_ ? y : image.height - 1 - y);
    }
    return image;
  }

 private:
  void need(uint64_t size, const char* what) const {
    if (bytes_.size() >= size) return;
    source_.fail(
        fmt::format(
            "is a truncated BMP: {} end{} at byte {}, found {} bytes; copy or download it again",
            what,
            what == std::string_view("its pixels") ? "" : "s",
            size,
            bytes_.size()),
        bytes_.size());
  }

  void read_core_header() {
    width_ = le16(&bytes_[18]);
    height_ = le16(&bytes_[20]);
    bits_ = int(le16(&bytes_[24]));
    palette_entry_ = 3;
  }

  void read_info_header() {
    auto width = int32_t(le32(&bytes_[18])), height = int32_t(le32(&bytes_[22]));
    top_down_ = height < 0;
    height_ = uint64_t(std::abs(int64_t(height)));
    width_ = uint64_t(std::max(width, 0));
    bits_ = int(le16(&bytes_[28]));
    if (header_size_ >= 40) {
      compression_ = le32(&bytes_[30]);
      colours_used_ = le32(&bytes_[46]);
    }
    if (bits_ == 16) set_fields(0x7c00, 0x03e0, 0x001f, 0);
    if (bits_ == 32) set_fields(0xff0000, 0xff00, 0xff, 0);
    if (compression_ != bit_fields && compression_ != alpha_bit_fields) return;
    bool alpha = header_size_ >= 56 || compression_ == alpha_bit_fields;
    need(54 + (alpha ? 16 : 12), "its header");
    set_fields(
        le32(&bytes_[54]), le32(&bytes_[58]), le32(&bytes_[62]), alpha ? le32(&bytes_[66]) : 0);
  }

  void set_fields(uint32_t r, uint32_t g, uint32_t b, uint32_t a) {
    fields_ = {Field{r}, Field{g}, Field{b}, Field{a}};
  }

  void check_kind() const {
    bool bits_known = bits_ == 1 || bits_ == 2 || bits_ == 4 || bits_ == 8 || bits_ == 16 ||
                      bits_ == 24 || bits_ == 32;
    bool masks = bits_ == 16 || bits_ == 32;
    bool fits = false;
    switch (compression_) {
      case plain:
        fits = bits_known;
        break;
      case rle8:
        fits = bits_ == 8;
        break;
      case rle4:
        fits = bits_ == 4;
        break;
      case bit_fields:
      case alpha_bit_fields:
        fits = masks && header_size_ != 64;
        break;
      default:
        break;
    }
    if (!fits) {
      source_.fail(fmt::format(
          "is a BMP with {} bits a pixel and compression {}, which is not supported; convert it to "
          "PNG",
          bits_,
          compression_));
    }
  }

  void read_palette(size_t at) {
    size_t count = size_t(1) << bits_;
    if (colours_used_ != 0) count = std::min<size_t>(count, colours_used_);
    size_t end = std::min<size_t>(bytes_.size(), std::max<size_t>(pixels_at_, at));
    count = std::min(count, (end - std::min(at, end)) / palette_entry_);
    grey_ = true;
    for (size_t i = 0; i < count; ++i) {
      const uint8_t* p = &bytes_[at + i * palette_entry_];
      palette_[i] = {p[2], p[1], p[0]};
      grey_ = grey_ && p[0] == p[1] && p[1] == p[2];
    }
  }

  void put_index(Image& image, int y, int x, unsigned index) const {
    for (int c = 0; c < image.channels; ++c) image.at(y, x, c) = palette_[index][size_t(c)];
  }

  void read_row(const uint8_t* p, Image& image, int y) const {
    uint8_t* q = image.row(y);
    if (bits_ <= 8) {
      const int per_byte = 8 / bits_;
      const unsigned mask = (1u << bits_) - 1;
      for (int x = 0; x < image.width; ++x) {
        int shift = 8 - bits_ * (x % per_byte + 1);
        put_index(image, y, x, (unsigned(p[x / per_byte]) >> shift) & mask);
      }
    } else if (bits_ == 24) {
      for (int x = 0; x < image.width; ++x, p += 3, q += 3) q[0] = p[2], q[1] = p[1], q[2] = p[0];
    } else {
      const int step = bits_ / 8;
      for (int x = 0; x < image.width; ++x, p += step, q += image.channels) {
        uint32_t pixel = step == 2 ? le16(p) : le32(p);
        for (int c = 0; c < image.channels; ++c) q[c] = fields_[size_t(c)].get(pixel);
      }
    }
  }

  // Run lengths: (count, value), or 0 and an escape: 0 end of line, 1 end of picture, 2 move, n >=
  // 3 that many literal pixels, padded to 16 bits. Pixels never written keep index 0.
  Image read_runs() {
    const ImageInfo header = info();
    Image image(header.height, header.width, header.channels);
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x) put_index(image, y, x, 0);

    size_t at = pixels_at_;
    int64_t x = 0, y = 0;
    auto put = [&](unsigned index) {
      int64_t row = top_down_ ? y : image.height - 1 - y;
      if (x < image.width && row >= 0 && row < image.height)
        put_index(image, int(row), int(x), index);
      ++x;
    };
    auto nibble = [](uint8_t byte, unsigned i) { return i % 2 == 0 ? byte >> 4 : byte & 15; };
    while (y < image.height) {
      if (!has(at, 2)) return image;
      const unsigned count = bytes_[at], value = bytes_[at + 1];
      at += 2;
      if (count > 0) {
        for (unsigned i = 0; i < count; ++i)
          put(compression_ == rle8 ? value : unsigned(nibble(uint8_t(value), i)));
      } else if (value == 0) {
        x = 0;
        ++y;
      } else if (value == 1) {
        break;
      } else if (value == 2) {
        if (!has(at, 2)) return image;
        x += bytes_[at];
        y += bytes_[at + 1];
        at += 2;
      } else {
        size_t size = compression_ == rle8 ? value : (value + 1) / 2;
        if (!has(at, size)) return image;
        for (unsigned i = 0; i < value; ++i)
          put(compression_ == rle8 ? bytes_[at + i] : unsigned(nibble(bytes_[at + i / 2], i)));
        at += size + size % 2;
      }
    }
    return image;
  }

  bool has(size_t at, size_t count) const {
    if (at <= bytes_.size() && bytes_.size() - at >= count) return true;
    if (!source_.options.allow_damaged)
      source_.fail("is a truncated BMP (run lengths end early); copy or download it again", at);
    return false;
  }

  const Source& source_;
  std::span<const uint8_t> bytes_;
  uint64_t pixels_at_ = 0;
  uint32_t header_size_ = 0, compression_ = plain, colours_used_ = 0;
  uint64_t width_ = 0, height_ = 0;
  int bits_ = 0;
  bool top_down_ = false, grey_ = false;
  size_t palette_entry_ = 4;
  std::array<std::array<uint8_t, 3>, 256> palette_{};
  std::array<Field, 4> fields_{};
};

}  // namespace

ImageInfo probe_bmp(const Source& source) { return Reader(source).info(); }

Image decode_bmp(const Source& source, int&) { return Reader(source).read_pixels(); }

}  // namespace fovea::image
