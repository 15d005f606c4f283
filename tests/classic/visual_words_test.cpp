#include "fovea/classic/visual_words.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/models/layers.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/features.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/slice.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/fixture_tensors.h"

namespace fovea::classic {
namespace {

using test::message_of;
using test::random_input;
using test::relative_error;

using Values = std::vector<float>;

TEST(VisualWords, CountTheNearestWords) {
  // Three places around (0, 0) and one at (9, 9), in the first picture; the other way in the
  // second.
  const Tensor x =
      Tensor::from<float>({0, 1, 9, 9, 1, 0, 0, 0, 9, 8, 8, 9, 0, 1, 9, 9}, {2, 2, 2, 2});
  VisualWords layer({.in = 2, .words = 2});
  layer.fit({.x = x, .labels = zeros({2}, Dtype::i32), .classes = 1, .key = Key(2)});
  nn::Ctx ctx;
  Values shares = nn::forward(layer, x, ctx).eval().to_vector();
  if (shares[0] < shares[1]) std::swap(shares[0], shares[1]), std::swap(shares[2], shares[3]);
  EXPECT_EQ(shares, (Values{0.75, 0.25, 0.25, 0.75}));
  EXPECT_EQ(nn::state(layer).at("words").shape().str(), "(2, 2)");
  EXPECT_HAS(
      message_of([&] {
        nn::forward(layer, ones({2, 2}), ctx);
      }),
      "[words] expected maps of descriptors (N, H, W, 2), got (2, 2)");
}

TEST(VisualWords, StandBehindGradientsInAList) {
  auto net = models::build_layers(
      {{"hog", {{"cell", "4"}}}, {"words", {{"words", "6"}}}, {"linear", {{"out", "3"}}}},
      {16, 16, 3});
  EXPECT_EQ(nn::state(*net).at("1.words").shape().str(), "(6, 36)");
}

bool has_opencv() {
  try {
    sift(ones({1, 16, 16, 1}));
    return true;
  } catch (const std::invalid_argument& e) {
    EXPECT_HAS(e.what(), "expected a fovea that was built with OpenCV");
    return false;
  }
}

// The places and the size of the cells are those that Python's OpenCV was given.
TEST(Sift, AgreesWithOpenCvInPython) {
  if (!has_opencv()) GTEST_SKIP() << "built without OpenCV";
  const test::FixtureTensors f("hog.safetensors");
  EXPECT_LT(relative_error(sift(f["x"], {.step = 8}), f["sift"]), 0.02);
}

TEST(Sift, DescribesPlacesWhateverTheContrast) {
  if (!has_opencv()) GTEST_SKIP() << "built without OpenCV";
  const Tensor x = random_input({3, 24, 32, 1}, 5);
  const Tensor y = sift(x, {.cell = 3, .step = 5});
  EXPECT_EQ(y.shape().str(), "(3, 3, 5, 128)");
  for (float squares : sum(square(y), {3}).to_vector()) EXPECT_NEAR(squares, 1, 0.05);
  EXPECT_LT(relative_error(sift(x * 0.5f + 2.0f, {.cell = 3, .step = 5}), y), 0.02);
  const Tensor one = slice(x, 0, {.start = 1, .stop = 2});
  EXPECT_EQ(
      sift(one, {.cell = 3, .step = 5}).to_vector(),
      slice(y, 0, {.start = 1, .stop = 2}).to_vector());
  EXPECT_HAS(message_of([] { sift(ones({1, 15, 16, 3})); }), "at least 16 x 16 pixels");
  EXPECT_HAS(message_of([] { sift(ones({1, 16, 16, 3}), {.step = 0}); }), "got 4 and 0");
}

TEST(Sift, TakesPixelsThatAreNotFiniteForTheSmallest) {
  if (!has_opencv()) GTEST_SKIP() << "built without OpenCV";
  Values x = random_input({1, 16, 16, 1}, 5, 1, 2).to_vector();
  x[40] = 0;
  const auto described = [&](float first) {
    x[0] = first;
    return sift(Tensor::from(x, {1, 16, 16, 1})).to_vector();
  };
  const Values expected = described(0);
  for (float odd : {NAN, INFINITY, -INFINITY}) EXPECT_EQ(described(odd), expected) << odd;
}

}  // namespace
}  // namespace fovea::classic
