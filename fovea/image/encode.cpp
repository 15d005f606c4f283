#include "fovea/image/encode.h"

#include <algorithm>
#include <cctype>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <jpeglib.h>
#include <png.h>

#include "fovea/core/atomic_file.h"

namespace fovea::image {

namespace {

// As in the decoder, only functions without C++ objects of their own are left by longjmp.
class JpegWriter {
 public:
  JpegWriter() {
    std::memset(&info_, 0, sizeof info_);
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = [](j_common_ptr info) {
      auto* self = static_cast<JpegWriter*>(info->client_data);
      info->err->format_message(info, self->error_);
      std::longjmp(self->back_, 1);
    };
    errors_.output_message = [](j_common_ptr) {};
  }
  ~JpegWriter() {
    jpeg_destroy_compress(&info_);
    std::free(data_);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  std::vector<uint8_t> write(const Image& image, const JpegOptions& options) {
    if (!try_write(image, options))
      throw std::runtime_error(fmt::format("[encode_jpeg] {}", error_));
    return {data_, data_ + size_};
  }

 private:
  bool try_write(const Image& image, const JpegOptions& options) {
    if (setjmp(back_) != 0) return false;
    jpeg_create_compress(&info_);
    jpeg_mem_dest(&info_, &data_, &size_);
    info_.image_width = unsigned(image.width);
    info_.image_height = unsigned(image.height);
    info_.input_components = image.channels;
    info_.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, options.quality, TRUE);
    if (options.chroma == Chroma::full)
      info_.comp_info[0].h_samp_factor = info_.comp_info[0].v_samp_factor = 1;
    info_.optimize_coding = TRUE;
    jpeg_start_compress(&info_, TRUE);
    while (info_.next_scanline < info_.image_height) {
      auto* row = const_cast<uint8_t*>(image.row(int(info_.next_scanline)));
      jpeg_write_scanlines(&info_, &row, 1);
    }
    jpeg_finish_compress(&info_);
    return true;
  }

  jpeg_compress_struct info_;
  jpeg_error_mgr errors_;
  std::jmp_buf back_;
  char error_[JMSG_LENGTH_MAX] = "";
  unsigned char* data_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace

std::vector<uint8_t> encode_jpeg(const Image& image, const JpegOptions& options) {
  check_image(image, "encode_jpeg");
  if (image.channels != 1 && image.channels != 3) {
    throw std::invalid_argument(fmt::format(
        "[encode_jpeg] expected 1 or 3 channels, got {}; JPEG has no alpha, use convert() or PNG",
        image.channels));
  }
  if (options.quality < 1 || options.quality > 100)
    throw std::invalid_argument(
        fmt::format("[encode_jpeg] expected quality 1 to 100, got {}", options.quality));
  constexpr int max_side = 65500;
  if (std::max(image.height, image.width) > max_side) {
    throw std::invalid_argument(fmt::format(
        "[encode_jpeg] expected sides up to {}, got ({}, {}); use PNG",
        max_side,
        image.height,
        image.width));
  }
  return JpegWriter().write(image, options);
}

std::vector<uint8_t> encode_png(const Image& image) {
  check_image(image, "encode_png");
  constexpr png_uint_32 formats[] = {
      PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB, PNG_FORMAT_RGBA};
  png_image header;
  std::memset(&header, 0, sizeof header);
  header.version = PNG_IMAGE_VERSION;
  header.width = png_uint_32(image.width);
  header.height = png_uint_32(image.height);
  header.format = formats[image.channels - 1];
  std::vector<uint8_t> bytes(PNG_IMAGE_PNG_SIZE_MAX(header));
  png_alloc_size_t size = bytes.size();
  if (!png_image_write_to_memory(&header, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr))
    throw std::runtime_error(fmt::format("[encode_png] {}", header.message));
  bytes.resize(size);
  return bytes;
}

void save(const std::filesystem::path& path, const Image& image, const JpegOptions& options) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = char(std::tolower(static_cast<unsigned char>(c)));
  std::vector<uint8_t> bytes;
  if (ending == ".png") {
    bytes = encode_png(image);
  } else if (ending == ".jpg" || ending == ".jpeg") {
    bytes = encode_jpeg(image, options);
  } else {
    throw std::invalid_argument(fmt::format(
        "[save] expected a name ending in .png, .jpg or .jpeg, got \"{}\"", path.string()));
  }
  write_file_atomic(path, std::as_bytes(std::span(bytes)));
}

}  // namespace fovea::image
