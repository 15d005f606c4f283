#include "fovea/image/geometry.h"

#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "fovea/core/random.h"
#include "tests/image/bundle.h"

namespace fovea::image {
namespace {

Image noise(int height, int width, int channels) {
  Image image(height, width, channels);
  Rng rng(Key(5));
  for (uint8_t& p : image.pixels) p = uint8_t(rng.next_u32());
  return image;
}

Image grey(int height, int width, PixelBytes pixels) {
  Image image(height, width, 1);
  image.pixels = std::move(pixels);
  return image;
}

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

TEST(Geometry, Crop) {
  Image image = grey(2, 3, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(crop(image, {0, 1, 2, 2}), grey(2, 2, {2, 3, 5, 6}));
  EXPECT_EQ(
      message([&] {
        crop(image, {1, 0, 2, 1});
      }),
      "[crop] expected a part of the image of (2, 3), got top 1, left 0, height 2, width 1");
}

TEST(Geometry, Pad) {
  Image image = grey(1, 3, {1, 2, 3});
  EXPECT_EQ(
      pad(image, {.top = 1, .left = 2, .right = 1}, Border::constant, 9),
      grey(2, 6, {9, 9, 9, 9, 9, 9, 9, 9, 1, 2, 3, 9}));
  EXPECT_EQ(pad(image, {.left = 2, .right = 1}, Border::edge), grey(1, 6, {1, 1, 1, 2, 3, 3}));
  EXPECT_EQ(
      pad(image, {.left = 5, .right = 3}, Border::reflect),
      grey(1, 11, {2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2}));
  EXPECT_EQ(
      pad(grey(2, 1, {1, 2}), {.top = 1, .bottom = 2, .left = 1}, Border::reflect),
      grey(5, 2, {2, 2, 1, 1, 2, 2, 1, 1, 2, 2}));
  EXPECT_EQ(
      message([&] { pad(image, {.left = -1}); }),
      "[pad] expected amounts >= 0, got top 0, bottom 0, left -1, right 0");
}

TEST(Geometry, CenterCrop) {
  EXPECT_EQ(center_crop(grey(1, 5, {1, 2, 3, 4, 5}), 1, 3), grey(1, 3, {2, 3, 4}));
  // An odd rest of 1 and of 3: 0.5 rounds to 0, 1.5 to 2.
  EXPECT_EQ(center_crop(grey(1, 4, {1, 2, 3, 4}), 1, 3), grey(1, 3, {1, 2, 3}));
  EXPECT_EQ(center_crop(grey(1, 4, {1, 2, 3, 4}), 1, 1), grey(1, 1, {3}));
  EXPECT_EQ(center_crop(grey(1, 2, {1, 2}), 2, 4), grey(2, 4, {0, 1, 2, 0, 0, 0, 0, 0}));
}

TEST(Geometry, FlipsAndTurns) {
  Image image = grey(2, 3, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(flip_horizontal(image), grey(2, 3, {3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(flip_vertical(image), grey(2, 3, {4, 5, 6, 1, 2, 3}));
  EXPECT_EQ(rotate90(image, 1), grey(3, 2, {4, 1, 5, 2, 6, 3}));
  EXPECT_EQ(rotate90(image, -1), grey(3, 2, {3, 6, 2, 5, 1, 4}));
  for (int channels : {1, 2, 3, 4}) {
    Image picture = noise(5, 7, channels);
    EXPECT_EQ(flip_horizontal(flip_horizontal(picture)), picture);
    EXPECT_EQ(flip_vertical(flip_vertical(picture)), picture);
    EXPECT_EQ(rotate90(rotate90(picture, 3), 5), picture);
    EXPECT_EQ(rotate90(rotate90(picture, 1), 1), rotate90(picture, 2));
  }
  EXPECT_EQ(
      message([&] { orient(image, 9); }), "[orient] expected an EXIF orientation 1 to 8, got 9");
}

TEST(Geometry, WarpByNothingIsTheSame) {
  Image image = noise(6, 9, 3);
  EXPECT_EQ(warp(image, make_affine(6, 9, {})), image);
  EXPECT_EQ(lens_distortion(image, 0), image);
}

TEST(Geometry, WarpMovesWholePixels) {
  Image image = grey(1, 4, {10, 20, 30, 40});
  EXPECT_EQ(
      warp(image, make_affine(1, 4, {.translate_x = 1}), Border::constant, 7),
      grey(1, 4, {7, 10, 20, 30}));
  EXPECT_EQ(
      warp(image, make_affine(1, 4, {.translate_x = -1}), Border::edge),
      grey(1, 4, {20, 30, 40, 40}));
  EXPECT_EQ(
      warp(image, make_affine(1, 4, {.translate_x = 0.5}), Border::edge),
      grey(1, 4, {10, 15, 25, 35}));
}

TEST(Geometry, WarpByAQuarterTurn) {
  Image image = noise(7, 7, 3);
  Image turned = warp(image, make_affine(7, 7, {.rotate = 90}), Border::edge);
  EXPECT_LE(max_difference(turned, rotate90(image, 1)), 1);
}

TEST(Geometry, WarpStretchesAboutTheCentre) {
  Image image = grey(1, 8, {0, 0, 0, 100, 100, 0, 0, 0});
  Image wide = warp(image, make_affine(1, 8, {.stretch_x = 2}), Border::edge);
  EXPECT_EQ(wide, grey(1, 8, {0, 25, 75, 100, 100, 75, 25, 0}));
  // A shear by 45 degrees moves a row by its distance from the middle.
  Image square(4, 9, 1);
  for (int y = 0; y < 4; ++y) square.at(y, 4) = 200;
  Image sheared = warp(square, make_affine(4, 9, {.shear_x = 45}), Border::constant);
  for (int y = 0; y < 4; ++y) {
    double centre = 0, sum = 0;
    for (int x = 0; x < 9; ++x) {
      centre += x * sheared.at(y, x);
      sum += sheared.at(y, x);
    }
    EXPECT_NEAR(centre / sum, 4 + (y - 1.5), 0.02) << y;
  }
  EXPECT_EQ(
      message([] { make_affine(4, 4, {.stretch_x = 0}); }),
      "[make_affine] expected a map that can be undone, got stretch (0, 1) and shear (0, 0) "
      "degrees");
}

TEST(Geometry, LensDistortionIsRadial) {
  Image ring(41, 41, 1);
  for (int y = 0; y < 41; ++y)
    for (int x = 0; x < 41; ++x) ring.at(y, x) = std::hypot(x - 20, y - 20) > 14 ? 255 : 0;
  // A barrel draws the ring towards the centre, a pincushion pushes it out; along the middle row
  // the edge lies where r (1 + k1 r^2) = 14.5 with r^2 in units of the half diagonal.
  auto edge = [](const Image& image) {
    int x = 20;
    while (x < 41 && image.at(20, x) < 128) ++x;
    return x - 20;
  };
  EXPECT_EQ(edge(ring), 15);
  EXPECT_EQ(edge(lens_distortion(ring, 0.5)), 14);
  EXPECT_EQ(edge(lens_distortion(ring, -0.5)), 18);
  EXPECT_EQ(lens_distortion(ring, 0.5), flip_horizontal(lens_distortion(ring, 0.5)));
}

}  // namespace
}  // namespace fovea::image
