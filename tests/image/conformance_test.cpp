// Runs the decoders over published test images and damaged files.

#include <fstream>
#include <set>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/image/decode.h"
#include "tests/image/bundle.h"

namespace fovea::image {
namespace {

namespace fs = std::filesystem;

fs::path conformance() { return test::data_root() / "decoder_conformance"; }

// 32-bit FNV-1a over the pixels, which is what the list of expected results holds.
uint32_t fnv1a(std::span<const uint8_t> bytes) {
  uint32_t hash = 2166136261u;
  for (uint8_t b : bytes) hash = (hash ^ b) * 16777619u;
  return hash;
}

// The list has grey and alpha as two channels; we give them as four.
PixelBytes with_channels(const Image& image, int channels) {
  if (channels != 2) return convert(image, channels).pixels;
  PixelBytes out;
  for (size_t i = 0; i < image.pixels.size(); i += size_t(image.channels)) {
    out.push_back(image.pixels[i]);
    out.push_back(image.channels == 4 ? image.pixels[i + 3] : uint8_t(255));
  }
  return out;
}

TEST(Conformance, PngSuite) {
  const fs::path folder = conformance() / "pngsuite";
  FOVEA_NEEDS_DATA(folder);
  std::ifstream list(folder / "ref_results.csv");
  std::string line;
  std::getline(list, line);
  int right = 0, refused = 0;
  while (std::getline(list, line)) {
    std::istringstream words(line);
    std::string name, width, height, channels, error, hash;
    for (std::string* field : {&name, &width, &height, &channels, &error, &hash})
      std::getline(words, *field, ',');
    const fs::path path = conformance() / name;
    if (!fs::exists(path)) continue;  // only a part of the suite is kept
    // Apple's variant is refused, and libpng checks what the author of the list does not.
    const std::set<std::string> stricter{"xcsn0g01.png", "xdtn0g01.png"};
    bool expect_error = !error.empty() || name.find("/iphone/") != std::string::npos ||
                        stricter.contains(path.filename().string());
    if (expect_error) {
      EXPECT_THROW(load(path), IoError) << name;
      ++refused;
      continue;
    }
    Image image = load(path);
    EXPECT_EQ(image.width, std::stoi(width)) << name;
    EXPECT_EQ(image.height, std::stoi(height)) << name;
    EXPECT_EQ(fnv1a(with_channels(image, std::stoi(channels))), std::stoul(hash, nullptr, 16))
        << name;
    ++right;
  }
  EXPECT_GE(right, 140);
  EXPECT_GE(refused, 15);
}

// Each JPEG beside the picture another decoder made of it. Decoders differ in the rounding of the
// inverse transform and in how they enlarge the chroma planes, so single pixels may be some levels
// apart while the mean stays close.
TEST(Conformance, JpegReferences) {
  const fs::path folder = conformance() / "jpeg_reftest";
  FOVEA_NEEDS_DATA(folder);
  int compared = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const fs::path path = entry.path();
    fs::path reference = path;
    reference.replace_extension(".png");
    if (path.extension() != ".jpg" || !fs::exists(reference)) continue;
    Image got = load(path, {.channels = 3, .allow_damaged = true});
    Image expected = load(reference, {.channels = 3});
    ASSERT_EQ(got.height, expected.height) << path;
    ASSERT_EQ(got.width, expected.width) << path;
    double sum = 0;
    for (size_t i = 0; i < got.pixels.size(); ++i)
      sum += std::abs(int(got.pixels[i]) - int(expected.pixels[i]));
    EXPECT_LE(sum / double(got.pixels.size()), 0.35) << path;
    EXPECT_LE(max_difference(got, expected), 3) << path;
    ++compared;
  }
  EXPECT_GE(compared, 25);
}

TEST(Conformance, LibjpegTurboPictures) {
  const fs::path folder = conformance() / "libjpeg_turbo";
  FOVEA_NEEDS_DATA(folder);
  int decoded = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") continue;
    Image image = load(entry.path());
    EXPECT_GT(image.height * image.width, 1000) << entry.path();
    ++decoded;
  }
  EXPECT_EQ(decoded, 5);
}

// Damaged files give IoError or a picture, with and without leave to return damaged ones.
TEST(Conformance, MalformedFilesNeverCrash) {
  const fs::path folder = conformance() / "jpeg_malformed";
  FOVEA_NEEDS_DATA(folder);
  int refused = 0, files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".jpg") continue;
    ++files;
    try {
      load(entry.path());
    } catch (const IoError& e) {
      EXPECT_TRUE(std::string_view(e.what()).starts_with(entry.path().string()));
      ++refused;
    }
    try {
      load(entry.path(), {.min_size = 8, .allow_damaged = true});
    } catch (const IoError&) {
    }
  }
  EXPECT_GE(files, 80);
  EXPECT_GE(refused, 50);
}

}  // namespace
}  // namespace fovea::image
