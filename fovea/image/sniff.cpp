// Says what a file is that is none of the formats we decode.

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include <fmt/format.h>

#include "fovea/image/codec.h"

namespace fovea::image {

namespace {

struct Signature {
  size_t offset;
  std::string_view bytes;
  std::string_view message;
};

using namespace std::string_view_literals;

constexpr auto to_png = "; convert it to PNG or JPEG"sv;

// More specific entries come first.
constexpr std::array signatures{
    Signature{0, "GIF8"sv, "a GIF image, which is not supported"sv},
    Signature{0, "II*\0"sv, "a TIFF image, which is not supported"sv},
    Signature{0, "MM\0*"sv, "a TIFF image, which is not supported"sv},
    Signature{4, "ftypavif"sv, "an AVIF image, which is not supported"sv},
    Signature{4, "ftypheic"sv, "a HEIC image, which is not supported"sv},
    Signature{4, "ftypheix"sv, "a HEIC image, which is not supported"sv},
    Signature{4, "ftypmif1"sv, "a HEIF image, which is not supported"sv},
    Signature{0, "\xff\x0a"sv, "a JPEG XL image, which is not supported"sv},
    Signature{4, "JXL "sv, "a JPEG XL image, which is not supported"sv},
    Signature{4, "jP  "sv, "a JPEG 2000 image, which is not supported"sv},
    Signature{0, "8BPS"sv, "a Photoshop document, which is not supported"sv},
    Signature{0, "qoif"sv, "a QOI image, which is not supported"sv},
    Signature{0, "P7\n"sv, "a PAM image, which is not supported"sv},
    Signature{0, "\0\0\1\0"sv, "a Windows icon, which is not supported"sv},
    Signature{0, "v/1\1"sv, "an OpenEXR image, which is not supported"sv},
};

constexpr std::array others{
    Signature{0, "%PDF"sv, "a PDF document, not an image; extract its pages as PNG"sv},
    Signature{
        4, "ftyp"sv, "a video or another ISO media file, not an image; extract frames first"sv},
    Signature{0, "\x1a\x45\xdf\xa3"sv, "a Matroska video, not an image; extract frames first"sv},
    Signature{
        0, "PK\3\4"sv, "a zip archive, not an image; unpack it or give it as a data source"sv},
    Signature{0, "\x1f\x8b"sv, "gzip-compressed data, not an image; unpack it first"sv},
    Signature{0, "\x93NUMPY"sv, "a NumPy array, not an image; save it as PNG"sv},
    Signature{0, "\x89HDF"sv, "an HDF5 file, not an image; save its arrays as PNG"sv},
    Signature{
        0,
        "version https://git-lfs"sv,
        "a Git LFS pointer, not the image itself; run `git lfs pull`"sv},
    Signature{
        0,
        "\x89PNG"sv,
        "a PNG whose signature is damaged, as by a text-mode transfer; copy it again"sv},
};

// The first bytes with leading white space and a byte order mark removed, in lower case.
std::string text_start(std::span<const uint8_t> bytes) {
  std::string text(bytes.begin(), bytes.begin() + std::min<size_t>(bytes.size(), 256));
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  for (char& c : text) c = char(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

void fail_unknown(const Source& source) {
  const auto bytes = source.bytes;
  if (bytes.empty()) source.fail("is empty (0 bytes); copy or download it again");

  std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  auto matches = [&](const Signature& s) {
    return view.size() >= s.offset && view.substr(s.offset).starts_with(s.bytes);
  };
  for (const Signature& s : signatures)
    if (matches(s)) source.fail(fmt::format("is {}{}", s.message, to_png));
  for (const Signature& s : others)
    if (matches(s)) source.fail(fmt::format("is {}", s.message));

  std::string text = text_start(bytes);
  if (text.starts_with("<!doctype html") || text.starts_with("<html"))
    source.fail("is an HTML page, not an image; the download probably failed, fetch it again");
  if (text.starts_with("<svg") || (text.starts_with("<?xml") && text.find("<svg") != text.npos))
    source.fail(fmt::format("is an SVG drawing, which is not supported{}", to_png));
  if (std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; }))
    source.fail(fmt::format("holds {} zero bytes only; copy or download it again", bytes.size()));

  std::string start;
  size_t shown = std::min<size_t>(bytes.size(), 8);
  for (size_t i = 0; i < shown; ++i) start += fmt::format(" {:02x}", bytes[i]);
  bool printable = std::all_of(
      text.begin(), text.end(), [](unsigned char c) { return c >= 32 || std::isspace(c); });
  source.fail(fmt::format(
      "is not an image that can be read: expected JPEG, PNG, WebP, BMP or PPM, found {} starting "
      "with{}{}",
      printable ? "text" : "data",
      start,
      bytes.size() < 12 ? fmt::format(" ({} bytes in all)", bytes.size()) : ""));
}

}  // namespace fovea::image
