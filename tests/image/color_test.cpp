#include "fovea/image/color.h"

#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "fovea/core/random.h"
#include "tests/image/bundle.h"

namespace fovea::image {
namespace {

TEST(Color, EqualsPillow) {
  Image input;
  int compared = 0;
  for (const Case& c : read_bundle("image_enhance.bin")) {
    if (c.name == "input") input = c.expected;
    if (c.parameters.empty()) continue;
    const double factor = c.parameters[0];
    Image got;
    int tolerance = 0;
    if (c.name == "brightness") got = adjust_brightness(input, factor);
    if (c.name == "contrast") got = adjust_contrast(input, factor);
    if (c.name == "saturation") got = adjust_saturation(input, factor);
    if (c.name == "hue") {
      got = adjust_hue(input, factor);
      tolerance = 1;  // the reference rounds half to even, from doubles
    }
    EXPECT_LE(max_difference(got, c.expected), tolerance) << c.name << " " << factor;
    ++compared;
  }
  EXPECT_EQ(compared, 23);
}

TEST(Color, AlphaAndGreyAreLeftAlone) {
  Image rgba(1, 1, 4);
  rgba.pixels = {100, 50, 20, 77};
  EXPECT_EQ(adjust_brightness(rgba, 0.5).pixels, (PixelBytes{50, 25, 10, 77}));
  EXPECT_EQ(adjust_hue(rgba, 1.0 / 3).pixels, (PixelBytes{20, 100, 50, 77}));
  EXPECT_EQ(shift_colors(rgba, {-30, 300, 0.6}).pixels, (PixelBytes{70, 255, 21, 77}));
  Image grey(1, 2, 1);
  grey.pixels = {10, 200};
  EXPECT_EQ(adjust_saturation(grey, 3), grey);
  EXPECT_EQ(adjust_hue(grey, 0.2), grey);
  EXPECT_EQ(adjust_contrast(grey, 0).pixels, (PixelBytes{105, 105}));
}

TEST(Color, RefusesBadFactors) {
  auto message = [](const std::function<void()>& call) -> std::string {
    try {
      call();
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "";
  };
  Image image(1, 1, 3);
  EXPECT_EQ(
      message([&] { adjust_contrast(image, -1); }),
      "[adjust_contrast] expected a factor >= 0, got -1");
  EXPECT_EQ(
      message([&] { adjust_hue(image, 0.6); }),
      "[adjust_hue] expected a shift in [-0.5, 0.5], got 0.6");
  EXPECT_EQ(
      message([] { ColorMoments().pca(); }),
      "[ColorMoments] expected at least one image, got none");
}

// Points along two known axes: PCA finds these and their variances.
TEST(Color, PrincipalAxes) {
  Rng rng(Key(11));
  const double a = 1 / std::sqrt(3.0), b = 1 / std::sqrt(2.0);
  ColorMoments moments;
  for (int n = 0; n < 4; ++n) {
    Image image(64, 64, 3);
    for (size_t i = 0; i < image.pixels.size(); i += 3) {
      double along = 30 * rng.normal(), across = 10 * rng.normal();
      image.pixels[i] = uint8_t(std::lround(128 + along * a + across * b));
      image.pixels[i + 1] = uint8_t(std::lround(128 + along * a - across * b));
      image.pixels[i + 2] = uint8_t(std::lround(128 + along * a));
    }
    moments.add(image);
  }
  EXPECT_EQ(moments.pixels(), 4u * 64 * 64);
  ColorPca pca = moments.pca();
  EXPECT_NEAR(std::sqrt(pca.values[0]) * 255, 30, 0.5);
  EXPECT_NEAR(std::sqrt(pca.values[1]) * 255, 10, 0.3);
  EXPECT_LT(std::sqrt(pca.values[2]) * 255, 0.5);  // rounding
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(pca.mean[c] * 255, 128, 1);
    EXPECT_NEAR(std::abs(pca.vectors[0][c]), a, 0.01);
  }
  EXPECT_NEAR(std::abs(pca.vectors[1][0]), b, 0.01);
  EXPECT_NEAR(pca.vectors[1][0] + pca.vectors[1][1], 0, 0.02);
}

}  // namespace
}  // namespace fovea::image
