// JPEG through libjpeg-turbo. libjpeg reports errors by calling back, and the only way out is
// longjmp; each member function that calls it therefore keeps no C++ object of its own alive.

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

#include <fmt/format.h>
// jpeglib.h wants <cstdio> before it.
#include <jerror.h>

#include <jpeglib.h>

#include "fovea/image/codec.h"

namespace fovea::image {

namespace {

// Error manager with a way back and the first warning that means lost pixels.
struct Errors {
  jpeg_error_mgr base;
  jpeg_progress_mgr progress;
  std::jmp_buf back;
  char error[JMSG_LENGTH_MAX] = "";
  char warning[JMSG_LENGTH_MAX] = "";
  int error_code = 0;
  bool ended = false;     // libjpeg asked for more bytes than there are
  size_t bytes_left = 0;  // at the first such warning, or at the error
};

Errors& errors_of(j_common_ptr info) { return *static_cast<Errors*>(info->client_data); }

size_t bytes_left(j_common_ptr info) {
  const auto* source = reinterpret_cast<j_decompress_ptr>(info)->src;
  return source != nullptr ? source->bytes_in_buffer : 0;
}

[[noreturn]] void on_error(j_common_ptr info) {
  Errors& errors = errors_of(info);
  info->err->format_message(info, errors.error);
  errors.error_code = info->err->msg_code;
  if (errors.warning[0] == 0) errors.bytes_left = bytes_left(info);
  std::longjmp(errors.back, 1);
}

// Warnings about stray bytes or odd headers leave the picture whole; these do not.
bool loses_pixels(int code) {
  switch (code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
      return true;
    default:
      return false;
  }
}

void on_message(j_common_ptr info, int level) {
  Errors& errors = errors_of(info);
  if (level >= 0 || !loses_pixels(info->err->msg_code)) return;
  if (info->err->msg_code == JWRN_JPEG_EOF) errors.ended = true;
  if (errors.warning[0] != 0) return;
  info->err->format_message(info, errors.warning);
  errors.bytes_left = errors.ended ? 0 : bytes_left(info);
}

// A few hundred bytes can hold thousands of progressive scans, each a pass over the whole picture.
void on_progress(j_common_ptr info) {
  constexpr int max_scans = 500;
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= max_scans) return;
  std::snprintf(errors_of(info).error, JMSG_LENGTH_MAX, "more than %d scans", max_scans);
  std::longjmp(errors_of(info).back, 1);
}

// Pillow's CMYK to RGB for stored values, which Adobe's convention and so every CMYK JPEG in
// practice holds inverted: ink v is 255 - stored.
void cmyk_row(const uint8_t* stored, uint8_t* rgb, int width) {
  auto times = [](unsigned a, unsigned b) {  // a * b / 255, rounded
    unsigned t = a * b + 128;
    return ((t >> 8) + t) >> 8;
  };
  for (int x = 0; x < width; ++x, stored += 4, rgb += 3) {
    unsigned white = stored[3];
    for (int c = 0; c < 3; ++c) rgb[c] = uint8_t(white - times(255u - stored[c], white));
  }
}

class Reader {
 public:
  explicit Reader(const Source& source) : source_(source) {
    std::memset(&info_, 0, sizeof info_);
    std::memset(&errors_.progress, 0, sizeof errors_.progress);
    info_.err = jpeg_std_error(&errors_.base);
    info_.client_data = &errors_;
    errors_.base.error_exit = on_error;
    errors_.base.emit_message = on_message;
    errors_.base.output_message = [](j_common_ptr) {};
    errors_.progress.progress_monitor = on_progress;
  }
  ~Reader() { jpeg_destroy_decompress(&info_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void read_header() {
    if (!try_read_header()) fail(errors_.error);
    source_.check_size(info_.image_height, info_.image_width);
    int n = info_.num_components;
    if (n != 1 && n != 3 && n != 4) {
      source_.fail(fmt::format(
          "is a JPEG with {} colour components, expected 1, 3 or 4; convert it to PNG", n));
    }
  }

  ImageInfo info() const {
    return ImageInfo{
        .format = Format::jpeg,
        .height = int(info_.image_height),
        .width = int(info_.image_width),
        .channels = info_.num_components == 1 ? 1 : 3,
        .orientation = orientation()};
  }

  Image read_pixels() {
    int shorter = int(std::min(info_.image_height, info_.image_width));
    if (source_.options.min_size > 0) {
      for (int part : {8, 4, 2}) {
        if ((shorter + part - 1) / part < source_.options.min_size) continue;
        info_.scale_num = 1;
        info_.scale_denom = unsigned(part);
        break;
      }
    }
    if (!try_start()) fail(errors_.error);
    image_ = Image(int(info_.output_height), int(info_.output_width), info().channels);
    if (info_.out_color_space == JCS_CMYK) cmyk_.resize(size_t(4) * info_.output_width);
    bool complete = try_read_rows();
    if (!source_.options.allow_damaged) {
      if (!complete) fail(errors_.error);
      if (errors_.warning[0] != 0) fail(errors_.warning);
    }
    return std::move(image_);
  }

  int orientation() const {
    for (auto* m = info_.marker_list; m != nullptr; m = m->next) {
      std::span<const uint8_t> data(m->data, m->data_length);
      if (data.size() >= 6 && std::memcmp(data.data(), "Exif\0", 6) == 0)
        return exif_orientation(data);
    }
    return 1;
  }

 private:
  bool try_read_header() {
    if (setjmp(errors_.back) != 0) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &errors_.progress;
    jpeg_mem_src(&info_, source_.bytes.data(), source_.bytes.size());
    jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  bool try_start() {
    if (setjmp(errors_.back) != 0) return false;
    switch (info_.num_components) {
      case 1:
        info_.out_color_space = JCS_GRAYSCALE;
        break;
      case 3:
        info_.out_color_space = JCS_RGB;
        break;
      default:
        info_.out_color_space = JCS_CMYK;
        break;
    }
    jpeg_start_decompress(&info_);
    return true;
  }

  bool try_read_rows() {
    if (setjmp(errors_.back) != 0) return false;
    while (info_.output_scanline < info_.output_height) {
      int y = int(info_.output_scanline);
      JSAMPROW row = cmyk_.empty() ? image_.row(y) : cmyk_.data();
      jpeg_read_scanlines(&info_, &row, 1);
      if (!cmyk_.empty()) cmyk_row(cmyk_.data(), image_.row(y), image_.width);
    }
    return true;
  }

  [[noreturn]] void fail(const char* cause) const {
    const size_t size = source_.bytes.size(), offset = size - std::min(size, errors_.bytes_left);
    switch (errors_.error_code) {
      case JERR_SOF_UNSUPPORTED:
      case JERR_BAD_PRECISION:
      case JERR_ARITH_NOTIMPL:
      case JERR_CONVERSION_NOTIMPL:
        source_.fail(fmt::format(
            "is a JPEG of a kind that is not supported ({}); convert it to PNG", cause));
      default:
        break;
    }
    source_.fail(
        fmt::format(
            "is a {} JPEG ({}); copy or download it again",
            errors_.ended ? "truncated" : "damaged",
            cause),
        offset);
  }

  const Source& source_;
  jpeg_decompress_struct info_;
  Errors errors_;
  Image image_;
  std::vector<uint8_t> cmyk_;
};

}  // namespace

ImageInfo probe_jpeg(const Source& source) {
  Reader reader(source);
  reader.read_header();
  return reader.info();
}

Image decode_jpeg(const Source& source, int& orientation) {
  Reader reader(source);
  reader.read_header();
  orientation = reader.orientation();
  return reader.read_pixels();
}

}  // namespace fovea::image
