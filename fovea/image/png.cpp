// PNG through libpng. As with JPEG, errors come back by longjmp past functions without C++ objects.

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>
#include <vector>

#include <fmt/format.h>
#include <png.h>

#include "fovea/image/codec.h"

namespace fovea::image {

namespace {

class Reader {
 public:
  explicit Reader(const Source& source) : source_(source) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, auto) {});
    info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
    if (info_ == nullptr) throw std::bad_alloc();
  }
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void read_header() {
    if (source_.bytes.size() >= 16 && std::memcmp(&source_.bytes[12], "CgBI", 4) == 0)
      source_.fail(
          "is a PNG in Apple's private CgBI variant; restore it with `pngcrush "
          "-revert-iphone-optimizations`");
    if (!try_read_header()) fail();
    source_.check_size(png_get_image_height(png_, info_), png_get_image_width(png_, info_));
  }

  ImageInfo info() const {
    int type = png_get_color_type(png_, info_);
    bool alpha =
        (type & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png_, info_, PNG_INFO_tRNS) != 0;
    bool colour = (type & PNG_COLOR_MASK_COLOR) != 0;
    return ImageInfo{
        .format = Format::png,
        .height = int(png_get_image_height(png_, info_)),
        .width = int(png_get_image_width(png_, info_)),
        .channels = alpha    ? 4
                    : colour ? 3
                             : 1,
        .orientation = orientation()};
  }

  Image read_pixels() {
    const ImageInfo header = info();
    // Deflate packs at most 1032 to 1, so a small file cannot ask for much memory.
    uint64_t packed = uint64_t(png_get_rowbytes(png_, info_)) * uint64_t(header.height) / 1032;
    if (packed > source_.bytes.size() && !source_.options.allow_damaged) {
      source_.fail(fmt::format(
          "is a truncated PNG: {} bytes cannot hold {} x {} pixels; copy or download it again",
          source_.bytes.size(),
          header.width,
          header.height));
    }
    image_ = Image(header.height, header.width, header.channels);
    rows_.resize(size_t(header.height));
    for (int y = 0; y < header.height; ++y) rows_[size_t(y)] = image_.row(y);
    if (!try_read_rows() && !source_.options.allow_damaged) fail();
    return std::move(image_);
  }

  int orientation() const {
    png_uint_32 size = 0;
    png_bytep data = nullptr;
    if (png_get_eXIf_1(png_, info_, &size, &data) == 0) return 1;
    return exif_orientation({data, size});
  }

 private:
  static Reader& self(png_structp png) { return *static_cast<Reader*>(png_get_error_ptr(png)); }

  static void on_error(png_structp png, png_const_charp message) {
    std::snprintf(self(png).error_, sizeof error_, "%s", message);
    std::longjmp(self(png).back_, 1);
  }

  static void on_read(png_structp png, png_bytep to, size_t count) {
    Reader& reader = self(png);
    size_t left = reader.source_.bytes.size() - reader.position_;
    if (count > left) {
      reader.position_ = reader.source_.bytes.size();
      png_error(png, "data ends early");
    }
    std::memcpy(to, reader.source_.bytes.data() + reader.position_, count);
    reader.position_ += count;
  }

  bool try_read_header() {
    if (setjmp(back_) != 0) return false;
    png_set_read_fn(png_, this, on_read);
    png_set_user_limits(png_, 0x7fffffff, 0x7fffffff);
    png_read_info(png_, info_);
    return true;
  }

  // Every kind of PNG becomes 8-bit grey, RGB or RGBA.
  bool try_read_rows() {
    if (setjmp(back_) != 0) return false;
    png_set_strip_16(png_);
    png_set_expand(png_);
    if (image_.channels == 4) png_set_gray_to_rgb(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    if (png_get_rowbytes(png_, info_) != image_.row_bytes()) png_error(png_, "row size mismatch");
    png_read_image(png_, rows_.data());
    png_read_end(png_, nullptr);
    return true;
  }

  [[noreturn]] void fail() const {
    bool ended = position_ >= source_.bytes.size();
    source_.fail(
        fmt::format(
            "is a {} PNG ({}); copy or download it again", ended ? "truncated" : "damaged", error_),
        position_);
  }

  const Source& source_;
  size_t position_ = 0;
  std::jmp_buf back_;
  char error_[256] = "";
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  Image image_;
  std::vector<png_bytep> rows_;
};

}  // namespace

ImageInfo probe_png(const Source& source) {
  Reader reader(source);
  reader.read_header();
  return reader.info();
}

Image decode_png(const Source& source, int& orientation) {
  Reader reader(source);
  reader.read_header();
  orientation = reader.orientation();
  return reader.read_pixels();
}

}  // namespace fovea::image
