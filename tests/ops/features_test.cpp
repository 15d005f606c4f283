#include "fovea/ops/features.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/fixture_tensors.h"

namespace fovea {
namespace {

using test::check_op;
using test::FixtureTensors;
using test::message_of;
using test::random_input;
using test::relative_error;

using Values = std::vector<float>;

TEST(Hog, FastKernelAgreesWithReference) {
  struct Case {
    Shape shape;
    HogOptions o;
  };
  for (const Case& c :
       {Case{{2, 17, 24, 3}, {}},
        {{1, 8, 8, 1}, {.block = 1}},
        {{3, 13, 9, 2}, {.cell = 3, .orientations = 5, .is_signed = true, .block = 3}},
        {{1, 16, 16, 3}, {.soft = false, .norm = BlockNorm::none}},
        {{1, 12, 12, 3}, {.cell = 4, .orientations = 1, .window = 2.5, .norm = BlockNorm::l2}},
        {{0, 16, 16, 3}, {}}})
    check_op(
        {.name = c.shape.str(),
         .f = [&](auto in) { return std::vector<Tensor>{hog(in[0], c.o)}; },
         .inputs = {random_input(c.shape, 5, 0, 1)},
         .gradient = false});
}

TEST(Hog, VotesForTheAngleOfEdges) {
  // Brightness grows by 1 a column, and by 1 a row: 45 degrees at 2 sqrt(2) inside, 0 and 90 at 2
  // along the edges, where one of the differences is 0, and nothing in the corners.
  std::vector<float> ramp;
  for (int r = 0; r < 4; ++r)
    for (int c = 0; c < 4; ++c) ramp.push_back(float(r + c));
  Tensor x = Tensor::from(ramp, {1, 4, 4, 1});
  const HogOptions o{
      .cell = 4, .orientations = 4, .block = 1, .soft = false, .norm = BlockNorm::none};
  const float diagonal = 4 * 2 * std::sqrt(2.0f) / 16, edge = 4 * 2 / 16.0f;
  for (Device device : {Device{Device::cpu}, Device{Device::ref}}) {
    DeviceScope scope(device);
    const Tensor y = hog(to_device(x, device), o);
    EXPECT_EQ(y.shape().str(), "(1, 1, 1, 4)");
    const std::vector<float> got = y.to_vector(), want{edge, diagonal, edge, 0};
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(got[i], want[i], 1e-6) << i;
    // Signed angles tell a ramp from the one that falls.
    HogOptions both = o;
    both.is_signed = true;
    EXPECT_GT(
        relative_error(hog(to_device(x, device), both), hog(to_device(neg(x), device), both)), 0.5);
    EXPECT_LT(relative_error(hog(to_device(neg(x), device), o), y), 1e-6);
  }
}

TEST(Hog, AgreesWithScikitImageAndOpenCv) {
  const FixtureTensors f("hog.safetensors");
  HogOptions o{.soft = false, .eps = 1e-5};
  EXPECT_LT(relative_error(hog(f["x"], o), f["skimage.l2_hys"]), 1e-5);
  o.block = 3;
  o.norm = BlockNorm::l2;
  EXPECT_LT(relative_error(hog(f["x"], o), f["skimage.l2"]), 1e-5);
  EXPECT_LT(relative_error(hog(f["x"]), f["opencv"]), 2e-3);
  EXPECT_LT(relative_error(hog(f["x"], {.is_signed = true}), f["opencv.signed"]), 2e-3);
}

TEST(Hog, ContrastDoesNotMatterAndFlatPicturesGiveNothing) {
  Tensor x = random_input({1, 16, 16, 3}, 6, 0, 1);
  EXPECT_LT(relative_error(hog(x * 0.25f + 0.5f), hog(x)), 1e-3);
  EXPECT_EQ(hog(full({1, 16, 16, 3}, 0.7)).to_vector(), Values(36, 0));
}

TEST(Hog, SaysWhatItNeeds) {
  EXPECT_HAS(
      message_of([] {
        hog(ones({2, 16, 15, 3}));
      }),
      "[hog] expected images that hold a block of 2 x 2 cells of 8 pixels, got (2, 16, 15, 3)");
  EXPECT_HAS(message_of([] { hog(ones({2, 16})); }), "expected images (N, H, W, C), got (2, 16)");
  EXPECT_HAS(message_of([] { hog(ones({1, 16, 16, 3}), {.cell = 0}); }), "at least 1, got 0, 9");
  EXPECT_HAS(message_of([] { hog(ones({1, 16, 16, 3}), {.clip = 0}); }), "above 0");
  EXPECT_HAS(message_of([] { hog(cast(ones({1, 16, 16, 3}), Dtype::i32)); }), "cast them");
  const Fn f = [](std::span<const Tensor> in) { return std::vector<Tensor>{sum(hog(in[0]))}; };
  EXPECT_HAS(
      message_of([&] {
        vjp(f, std::vector{ones({1, 16, 16, 3})}, std::vector{Tensor(1.0f)});
      }),
      "[hog] has no gradient");
}

TEST(HueHistogram, FastKernelAgreesWithReference) {
  for (const HueHistogramOptions& o :
       {HueHistogramOptions{}, {.bins = 7, .normalize = false}, {.bins = 1}})
    check_op(
        {.name = std::to_string(o.bins),
         .f = [&](auto in) { return std::vector<Tensor>{hue_histogram(in[0], o)}; },
         .inputs = {random_input({3, 13, 7, 3}, 4, 0, 1)},
         .gradient = false});
}

TEST(HueHistogram, CountsTheHues) {
  // Red, yellow, green, cyan, blue, magenta, grey, and a dark rose just below red.
  const Values colours{1, 0, 0, 1, 1, 0, 0,   1,   0,   0,   1,    1,
                       0, 0, 1, 1, 0, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.3f};
  for (Device device : {Device{Device::cpu}, Device{Device::ref}}) {
    DeviceScope scope(device);
    Tensor x = to_device(Tensor::from(colours, {1, 2, 4, 3}), device);
    EXPECT_EQ(
        hue_histogram(x, {.bins = 12, .normalize = false}).to_vector(),
        (Values{2, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1}));
    const std::vector<float> shares = hue_histogram(x).to_vector();
    EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-6);
    EXPECT_EQ(  // brighter and paler pictures have the same hues
        hue_histogram(x * 0.5f + 0.25f, {.bins = 4}).to_vector(),
        hue_histogram(x, {.bins = 4}).to_vector());
  }
  const FixtureTensors f("hog.safetensors");
  EXPECT_EQ(
      hue_histogram(f["x"], {.normalize = false}).to_vector(),
      f["hues"].to_vector());  // matplotlib
  EXPECT_HAS(message_of([] { hue_histogram(ones({1, 4, 4, 1})); }), "expected red, green and blue");
}

}  // namespace
}  // namespace fovea
