#include "fovea/image/image.h"

#include <gtest/gtest.h>

#include "tests/image/bundle.h"

namespace fovea::image {
namespace {

TEST(Image, GreyEqualsPillow) {
  Image input;
  for (const Case& c : read_bundle("image_enhance.bin")) {
    if (c.name == "input") input = c.expected;
    if (c.name == "grey") {
      EXPECT_EQ(to_grey(input), c.expected);
      return;
    }
  }
  FAIL() << "no case grey";
}

TEST(Image, ConvertBetweenAllChannelCounts) {
  Image grey(1, 1, 1, 90);
  EXPECT_EQ(convert(grey, 2).pixels, (PixelBytes{90, 255}));
  EXPECT_EQ(to_rgb(grey).pixels, (PixelBytes{90, 90, 90}));
  EXPECT_EQ(convert(grey, 4).pixels, (PixelBytes{90, 90, 90, 255}));
  Image rgba(1, 1, 4);
  rgba.pixels = {10, 20, 30, 40};
  EXPECT_EQ(convert(rgba, 3).pixels, (PixelBytes{10, 20, 30}));
  EXPECT_EQ(convert(rgba, 1).pixels, (PixelBytes{luma(10, 20, 30)}));
  EXPECT_EQ(convert(rgba, 2).pixels, (PixelBytes{luma(10, 20, 30), 40}));
  Image grey_alpha(1, 1, 2);
  grey_alpha.pixels = {7, 9};
  EXPECT_EQ(convert(grey_alpha, 4).pixels, (PixelBytes{7, 7, 7, 9}));
}

TEST(Image, ChecksItsArguments) {
  auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(
      message([] { Image(2, 3, 5); }),
      "[image] expected sides >= 0 and 1 to 4 channels, got (2, 3, 5)");
  Image image(2, 3, 1);
  EXPECT_EQ(message([&] { convert(image, 0); }), "[convert] expected 1 to 4 channels, got 0");
  image.pixels.pop_back();
  EXPECT_EQ(
      message([&] { to_rgb(image); }),
      "[convert] expected 6 bytes for an image of (2, 3, 1), got 5");
}

}  // namespace
}  // namespace fovea::image
