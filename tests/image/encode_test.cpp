#include "fovea/image/encode.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/core/random.h"
#include "fovea/image/decode.h"
#include "tests/image/bundle.h"

namespace fovea::image {
namespace {

namespace fs = std::filesystem;

Image noise(int height, int width, int channels) {
  Image image(height, width, channels);
  Rng rng(Key(3));
  for (uint8_t& p : image.pixels) p = uint8_t(rng.next_u32());
  return image;
}

Image gradient(int height, int width, int channels) {
  Image image(height, width, channels);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c) image.at(y, x, c) = uint8_t(2 * x + y + 40 * c);
  return image;
}

TEST(Encode, PngIsLossless) {
  for (int channels : {1, 2, 3, 4}) {
    Image image = noise(17, 23, channels);
    Image back = decode(encode_png(image));
    EXPECT_EQ(convert(back, channels), image) << channels;
  }
}

// The chunks in the order of the specification, numbered from 0, and the first frame for viewers
// that do not move.
TEST(Encode, AnimatedPngHoldsItsFrames) {
  Image a = noise(6, 9, 3), b = a, c = a;
  b.at(2, 3, 1) ^= 1;
  b.at(4, 7, 0) ^= 1;
  const auto file = encode_apng(std::vector<Image>{a, b, c, c}, 40);
  EXPECT_EQ(convert(decode(file), 3), a);
  std::string order;
  std::vector<uint32_t> sequence, rectangles;
  auto u32 = [&](size_t at) {
    return uint32_t(file[at]) << 24 | uint32_t(file[at + 1]) << 16 | uint32_t(file[at + 2]) << 8 |
           file[at + 3];
  };
  for (size_t at = 8; at < file.size(); at += 12 + u32(at)) {
    const std::string type(file.begin() + int64_t(at) + 4, file.begin() + int64_t(at) + 8);
    order += type + " ";
    if (type == "fcTL" || type == "fdAT") sequence.push_back(u32(at + 8));
    if (type == "acTL") {
      EXPECT_EQ(u32(at + 8), 4u);
    }
    if (type != "fcTL") continue;
    EXPECT_EQ(u32(at), 26u);
    for (size_t i = 0; i < 4; ++i) rectangles.push_back(u32(at + 12 + 4 * i));
    EXPECT_EQ(u32(at + 28), 40u << 16 | 1000u);  // the delay
  }
  EXPECT_EQ(order, "IHDR acTL fcTL IDAT fcTL fdAT fcTL fdAT fcTL fdAT IEND ");
  EXPECT_EQ(sequence, (std::vector<uint32_t>{0, 1, 2, 3, 4, 5, 6}));
  // Width, height, left and top: all, what changed, the same back, and a pixel for nothing.
  EXPECT_EQ(rectangles, (std::vector<uint32_t>{9, 6, 0, 0, 5, 3, 3, 2, 5, 3, 3, 2, 1, 1, 0, 0}));
  EXPECT_THROW(encode_apng({}, 40), std::invalid_argument);
  EXPECT_THROW(encode_apng(std::vector<Image>{a, noise(6, 8, 3)}, 40), std::invalid_argument);
  EXPECT_THROW(encode_apng(std::vector<Image>{a}, 0), std::invalid_argument);
}

TEST(Encode, JpegIsCloseAndSmallerWithLessQuality) {
  for (int channels : {1, 3}) {
    Image image = gradient(40, 50, channels);
    auto fine = encode_jpeg(image, {.quality = 98, .chroma = Chroma::full});
    auto coarse = encode_jpeg(image, {.quality = 30});
    EXPECT_LE(max_difference(decode(fine), image), 4);
    EXPECT_LT(coarse.size(), fine.size());
  }
}

TEST(Encode, SavesByEnding) {
  fs::path folder = fs::path(testing::TempDir()) / ("fovea_save_" + std::to_string(::getpid()));
  fs::create_directories(folder);
  Image image = gradient(9, 8, 3);
  save(folder / "a.PNG", image);
  EXPECT_EQ(load(folder / "a.PNG"), image);
  save(folder / "a.jpeg", image, {.quality = 100, .chroma = Chroma::full});
  EXPECT_LE(max_difference(load(folder / "a.jpeg"), image), 3);
  EXPECT_THROW(save(folder / "a.gif", image), std::invalid_argument);
  EXPECT_THROW(save(folder / "none" / "a.png", image), IoError);
  fs::remove_all(folder);
}

TEST(Encode, RefusesWhatTheFormatCannotHold) {
  auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(
      message([] { encode_jpeg(Image(2, 2, 4)); }),
      "[encode_jpeg] expected 1 or 3 channels, got 4; JPEG has no alpha, use convert() or PNG");
  EXPECT_EQ(
      message([] { encode_jpeg(Image(2, 2, 3), {.quality = 0}); }),
      "[encode_jpeg] expected quality 1 to 100, got 0");
  EXPECT_EQ(
      message([] { encode_jpeg(Image(1, 65501, 1)); }),
      "[encode_jpeg] expected sides up to 65500, got (1, 65501); use PNG");
  EXPECT_EQ(
      message([] { save("a.tif", Image(1, 1, 1)); }),
      "[save] expected a name ending in .png, .jpg or .jpeg, got \"a.tif\"");
}

}  // namespace
}  // namespace fovea::image
