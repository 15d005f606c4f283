#include "fovea/image/decode.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <stdexcept>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/image/codec.h"
#include "fovea/image/geometry.h"

namespace fovea::image {

namespace {

struct Codec {
  ImageInfo (*probe)(const Source&);
  Image (*decode)(const Source&, int& orientation);
};

std::optional<Codec> sniff(std::span<const uint8_t> b) {
  auto starts = [&](size_t at, std::string_view s) {
    auto same = [](char x, uint8_t y) { return uint8_t(x) == y; };
    return b.size() >= at + s.size() &&
           std::equal(s.begin(), s.end(), b.begin() + std::ptrdiff_t(at), same);
  };
  if (starts(0, "\xff\xd8")) return Codec{probe_jpeg, decode_jpeg};
  if (starts(0, "\x89PNG\r\n\x1a\n")) return Codec{probe_png, decode_png};
  if (starts(0, "RIFF") && starts(8, "WEBP")) return Codec{probe_webp, decode_webp};
  if (starts(0, "BM")) return Codec{probe_bmp, decode_bmp};
  auto is_space = [](uint8_t c) { return c == ' ' || (c >= 9 && c <= 13) || c == '#'; };
  if (b.size() >= 3 && b[0] == 'P' && b[1] >= '1' && b[1] <= '6' && is_space(b[2]))
    return Codec{probe_pnm, decode_pnm};
  return std::nullopt;
}

Source make_source(
    std::span<const uint8_t> bytes, const DecodeOptions& options, std::string_view name) {
  int c = options.channels;
  if (c != 0 && c != 1 && c != 3 && c != 4) {
    throw std::invalid_argument(
        fmt::format("[decode] expected channels 0 (as in the file), 1, 3 or 4, got {}", c));
  }
  return Source{bytes, name, options};
}

std::vector<uint8_t> read_file(const std::filesystem::path& path) {
  auto fail = [&](const std::string& message) -> void { throw IoError(path.string(), message); };
  auto fail_errno = [&] { fail("cannot be read: " + std::generic_category().message(errno)); };

  struct Descriptor {
    int fd;
    ~Descriptor() {
      if (fd >= 0) ::close(fd);
    }
  } file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status;
  if (file.fd < 0 || ::fstat(file.fd, &status) != 0) fail_errno();
  if (S_ISDIR(status.st_mode)) fail("is a directory, expected an image file");

  // A pipe has no size, so the buffer grows as needed.
  constexpr size_t limit = size_t(1) << 31;
  if (uint64_t(status.st_size) > limit) fail("is over 2 GiB, too large for an image");
  std::vector<uint8_t> bytes(size_t(status.st_size) + 1);
  size_t used = 0;
  for (;;) {
    ssize_t n = ::read(file.fd, bytes.data() + used, bytes.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno();
    if (n == 0) break;
    used += size_t(n);
    if (used > limit) fail("is over 2 GiB, too large for an image");
    if (used == bytes.size()) bytes.resize(std::max<size_t>(2 * used, 65536));
  }
  bytes.resize(used);
  return bytes;
}

}  // namespace

std::string_view name_of(Format format) {
  switch (format) {
    case Format::jpeg:
      return "JPEG";
    case Format::png:
      return "PNG";
    case Format::webp:
      return "WebP";
    case Format::bmp:
      return "BMP";
    case Format::pnm:
      return "PPM";
  }
  return "unknown";
}

void Source::fail(const std::string& message, std::optional<uint64_t> offset) const {
  throw IoError(std::string(name), message, offset);
}

void Source::check_size(uint64_t height, uint64_t width) const {
  if (height == 0 || width == 0)
    fail(fmt::format("has no pixels (width {}, height {})", width, height));
  constexpr uint64_t max_side = 1u << 30;
  if (width > max_side || height > max_side || height * width > options.max_pixels) {
    fail(fmt::format(
        "is {} x {} pixels, over the limit of {} pixels; shrink it, or raise max_pixels if you "
        "trust the file",
        width,
        height,
        options.max_pixels));
  }
}

Image decode(std::span<const uint8_t> bytes, const DecodeOptions& options, std::string_view name) {
  Source source = make_source(bytes, options, name);
  std::optional<Codec> codec = sniff(bytes);
  if (!codec) fail_unknown(source);
  int orientation = 1;
  Image image = codec->decode(source, orientation);
  if (options.channels != 0) image = convert(std::move(image), options.channels);
  return options.apply_orientation ? orient(std::move(image), orientation) : image;
}

Image load(const std::filesystem::path& path, const DecodeOptions& options) {
  return decode(read_file(path), options, path.string());
}

ImageInfo probe(
    std::span<const uint8_t> bytes, const DecodeOptions& options, std::string_view name) {
  Source source = make_source(bytes, options, name);
  std::optional<Codec> codec = sniff(bytes);
  if (!codec) fail_unknown(source);
  ImageInfo info = codec->probe(source);
  if (options.channels != 0) info.channels = options.channels;
  if (options.apply_orientation && info.orientation >= 5) std::swap(info.height, info.width);
  return info;
}

}  // namespace fovea::image
