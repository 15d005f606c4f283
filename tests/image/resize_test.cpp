#include "fovea/image/resize.h"

#include <gtest/gtest.h>

#include "fovea/core/random.h"
#include "tests/image/bundle.h"

namespace fovea::image {
namespace {

TEST(Resize, EqualsPillow) {
  Image input;
  int compared = 0;
  for (const Case& c : read_bundle("image_resize.bin")) {
    if (c.name == "input") {
      input = c.expected;
      continue;
    }
    const auto& p = c.parameters;
    Box box{float(p[1]), float(p[2]), float(p[3]), float(p[4])};
    Image got = resize(input, c.expected.height, c.expected.width, box, Filter(int(p[0])));
    EXPECT_EQ(max_difference(got, c.expected), 0)
        << "filter " << p[0] << " to " << c.expected.height << " x " << c.expected.width << " from "
        << input.channels << " channels";
    ++compared;
  }
  EXPECT_EQ(compared, 62);
}

// Three channels and one run through different loops; they agree for every size.
TEST(Resize, ColourEqualsItsPlanes) {
  Rng rng(Key(1));
  for (int n = 0; n < 300; ++n) {
    const int sizes[4] = {
        1 + int(rng.below(70)),
        1 + int(rng.below(70)),
        1 + int(rng.below(70)),
        1 + int(rng.below(70))};
    const Filter filter = Filter(rng.below(5));
    Image image(sizes[0], sizes[1], 3);
    for (uint8_t& p : image.pixels) p = rng.bernoulli(0.5) ? uint8_t(rng.next_u32()) : 255;
    Image got = resize(image, sizes[2], sizes[3], filter);
    for (int c = 0; c < 3; ++c) {
      Image plane(image.height, image.width, 1);
      for (size_t i = 0; i < plane.pixels.size(); ++i)
        plane.pixels[i] = image.pixels[3 * i + size_t(c)];
      Image expected = resize(plane, sizes[2], sizes[3], filter);
      for (size_t i = 0; i < expected.pixels.size(); ++i)
        ASSERT_EQ(got.pixels[3 * i + size_t(c)], expected.pixels[i])
            << sizes[0] << " x " << sizes[1] << " to " << sizes[2] << " x " << sizes[3]
            << " filter " << int(filter);
    }
  }
}

TEST(Resize, SameSizeIsACopy) {
  Image image(3, 2, 4, 77);
  EXPECT_EQ(resize(image, 3, 2, Filter::bicubic), image);
}

TEST(Resize, OneSideOnly) {
  Image image(2, 3, 1);
  image.pixels = {0, 10, 20, 100, 110, 120};
  EXPECT_EQ(resize(image, 1, 3, Filter::box).pixels, (PixelBytes{50, 60, 70}));
  EXPECT_EQ(resize(image, 2, 1, Filter::box).pixels, (PixelBytes{10, 110}));
}

TEST(Resize, ShortSideKeepsTheAspectRatio) {
  Image wide(50, 99, 3), tall(99, 50, 3);
  EXPECT_EQ(resize_short_side(wide, 25).width, 49);
  EXPECT_EQ(resize_short_side(wide, 25).height, 25);
  EXPECT_EQ(resize_short_side(tall, 25).height, 49);
  EXPECT_EQ(resize_short_side(Image(7, 7, 1), 5).width, 5);
}

TEST(Resize, RefusesBadArguments) {
  auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "";
  };
  Image image(4, 6, 3);
  EXPECT_EQ(message([&] { resize(image, 0, 3); }), "[resize] expected sides >= 1, got (0, 3)");
  EXPECT_EQ(
      message([&] {
        resize(image, 2, 2, {1, 1, 7, 3});
      }),
      "[resize] expected a box with area inside the image of (4, 6), got left 1, top 1, right 7, "
      "bottom 3");
  EXPECT_EQ(
      message([&] { resize(Image(), 2, 2); }),
      "[resize] expected an image with pixels and 1 to 4 channels, got (0, 0, 0)");
}

}  // namespace
}  // namespace fovea::image
