#include "fovea/image/decode.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "tests/image/bundle.h"

namespace fovea::image {
namespace {

namespace fs = std::filesystem;

std::string error_of(std::span<const uint8_t> bytes, const DecodeOptions& options = {}) {
  try {
    decode(bytes, options, "x");
  } catch (const IoError& e) {
    return e.what();
  }
  return "";
}

std::string error_of(std::string_view text, const DecodeOptions& options = {}) {
  return error_of({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, options);
}

std::vector<uint8_t> file_of(const std::string& name) {
  for (const Case& c : read_bundle("image_decode.bin"))
    if (c.name == name) return c.file;
  throw std::runtime_error("no case " + name);
}

TEST(Decode, EqualsPillow) {
  int compared = 0;
  for (const Case& c : read_bundle("image_decode.bin")) {
    Image got = decode(c.file, {}, c.name);
    EXPECT_EQ(max_difference(got, c.expected), 0) << c.name;
    ImageInfo info = probe(c.file, {}, c.name);
    EXPECT_EQ(info.height, got.height) << c.name;
    EXPECT_EQ(info.width, got.width) << c.name;
    EXPECT_EQ(info.channels, got.channels) << c.name;
    ++compared;
  }
  EXPECT_EQ(compared, 40);
}

TEST(Decode, ChannelsAsAsked) {
  auto rgba = file_of("png_rgba"), grey = file_of("jpeg_grey");
  Image full = decode(rgba);
  ASSERT_EQ(full.channels, 4);
  EXPECT_EQ(decode(rgba, {.channels = 3}), convert(full, 3));
  EXPECT_EQ(decode(rgba, {.channels = 1}), convert(full, 1));
  EXPECT_EQ(decode(grey, {.channels = 4}), convert(decode(grey), 4));
  EXPECT_EQ(probe(grey, {.channels = 3}).channels, 3);
  EXPECT_THROW(decode(grey, {.channels = 2}), std::invalid_argument);
}

TEST(Decode, OrientationCanBeLeftAlone) {
  auto file = file_of("png_orientation_6");
  EXPECT_EQ(decode(file).height, 5);
  EXPECT_EQ(decode(file, {.apply_orientation = false}), decode(file_of("png_orientation_1")));
  EXPECT_EQ(probe(file).orientation, 6);
  EXPECT_EQ(probe(file).height, 5);
  EXPECT_EQ(probe(file, {.apply_orientation = false}).height, 3);
}

TEST(Decode, JpegAtReducedScale) {
  auto file = file_of("jpeg_rgb_444");  // 13 rows, 19 columns
  EXPECT_EQ(decode(file, {.min_size = 14}).height, 13);
  EXPECT_EQ(decode(file, {.min_size = 7}).height, 7);
  EXPECT_EQ(decode(file, {.min_size = 7}).width, 10);
  EXPECT_EQ(decode(file, {.min_size = 4}).height, 4);
  EXPECT_EQ(decode(file, {.min_size = 1}).height, 2);
}

TEST(Decode, LimitsPixels) {
  auto png = file_of("png_rgba");
  EXPECT_EQ(
      error_of(png, {.max_pixels = 200}),
      "x: is 19 x 13 pixels, over the limit of 200 pixels; shrink it, or raise max_pixels if you "
      "trust the file");
  EXPECT_EQ(error_of(png, {.max_pixels = 247}), "");
  for (const char* name : {"jpeg_grey", "webp_lossy", "bmp_8", "pnm_p6", "bmp_rle8"})
    EXPECT_NE(
        error_of(file_of(name), {.max_pixels = 10}).find("over the limit"), std::string::npos);
  std::string huge = "P5\n60000 60000\n255\n";
  EXPECT_NE(error_of(huge).find("over the limit of 178956970"), std::string::npos);
  EXPECT_NE(
      error_of("P5\n9000 9000\n255\nabc").find("take 81000000 bytes, found 3"), std::string::npos);
}

TEST(Decode, SaysWhatItFound) {
  using namespace std::string_view_literals;
  EXPECT_EQ(error_of(""), "x: is empty (0 bytes); copy or download it again");
  EXPECT_EQ(
      error_of("GIF89a..."),
      "x: is a GIF image, which is not supported; convert it to PNG or JPEG");
  EXPECT_EQ(
      error_of(" \n<!DOCTYPE html><html>"),
      "x: is an HTML page, not an image; the download probably failed, fetch it again");
  EXPECT_EQ(error_of("%PDF-1.4"), "x: is a PDF document, not an image; extract its pages as PNG");
  EXPECT_EQ(
      error_of("version https://git-lfs.github.com/spec/v1\n"),
      "x: is a Git LFS pointer, not the image itself; run `git lfs pull`");
  EXPECT_NE(error_of("<?xml version='1.0'?>\n<svg/>").find("SVG"), std::string::npos);
  EXPECT_NE(error_of("II*\0....").find("x: is "), std::string::npos);
  EXPECT_NE(
      error_of("\0\0\0\x20"
               "ftypheic"sv)
          .find("HEIC"),
      std::string::npos);
  EXPECT_EQ(error_of("\0\0\0\0\0"sv), "x: holds 5 zero bytes only; copy or download it again");
  EXPECT_EQ(
      error_of("hello"),
      "x: is not an image that can be read: expected JPEG, PNG, WebP, BMP or PPM, found text "
      "starting "
      "with 68 65 6c 6c 6f (5 bytes in all)");
}

TEST(Decode, FileErrors) {
  auto message = [](const fs::path& path) -> std::string {
    try {
      load(path);
    } catch (const IoError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message("/no/such.png"), "/no/such.png: cannot be read: No such file or directory");
  EXPECT_EQ(message("/"), "/: is a directory, expected an image file");
}

// A file cut anywhere is an error by default and never crashes; what is there can be had on
// request.
TEST(Decode, TruncationAtEveryByte) {
  for (const Case& c : read_bundle("image_decode.bin")) {
    const Image full = decode(c.file);
    for (size_t size = 0; size < c.file.size(); ++size) {
      std::vector<uint8_t> cut(c.file.begin(), c.file.begin() + long(size));
      try {
        Image got = decode(cut, {}, c.name);
        // Only bytes after the pixels may be missing unnoticed (an end marker, metadata).
        EXPECT_TRUE(
            got == full || c.name.find("orientation") != std::string::npos ||
            c.name == "bmp_rle8" || c.name.starts_with("pnm_p"))
            << c.name << " cut to " << size << " of " << c.file.size();
      } catch (const IoError&) {
      }
      try {
        decode(cut, {.allow_damaged = true}, c.name);
      } catch (const IoError&) {
      }
    }
  }
}

TEST(Decode, TruncationMessages) {
  auto cut = [](const char* name, size_t size) {
    auto file = file_of(name);
    file.resize(size);
    return error_of(file);
  };
  EXPECT_EQ(
      cut("jpeg_rgb_420", 700),
      "x: is a truncated JPEG (Premature end of JPEG file); copy or download it again (at byte "
      "700)");
  EXPECT_EQ(
      cut("png_rgba", 300),
      "x: is a truncated PNG (data ends early); copy or download it again (at byte 300)");
  EXPECT_EQ(
      cut("webp_lossy", 60),
      "x: is a truncated WebP (data ends early); copy or download it again (at byte 60)");
  EXPECT_EQ(
      cut("bmp_24", 100),
      "x: is a truncated BMP: its pixels end at byte 414, found 100 bytes; copy or download it "
      "again "
      "(at byte 100)");
  EXPECT_EQ(
      cut("bmp_24", 20),
      "x: is a truncated BMP: its header ends at byte 26, found 20 bytes; copy or download it "
      "again "
      "(at byte 20)");
  EXPECT_EQ(
      cut("pnm_p6", 30),
      "x: is a truncated PPM: its pixels take 63 bytes, found 4; copy or download it again (at "
      "byte "
      "30)");
}

TEST(Decode, DamagedPicturesOnRequest) {
  auto file = file_of("jpeg_rgb_420");
  file.resize(file.size() - 100);
  Image got = decode(file, {.allow_damaged = true});
  EXPECT_EQ(got.height, 13);
  EXPECT_EQ(got.width, 19);
}

}  // namespace
}  // namespace fovea::image
