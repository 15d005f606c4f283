#include "fovea/report/weight_pictures.h"

#include "tests/report/check_markup.h"
#include "tests/support/check_op.h"

namespace fovea::report {
namespace {

TEST(WeightPictures, EachOverItsOwnRange) {
  const Tensor w = Tensor::from<float>({0, 1, 2, 4, 10, 20, 30, 50}, {2, 1, 2, 2});
  const auto own = weight_pictures(w);
  ASSERT_EQ(own.size(), 2u);
  EXPECT_EQ(own[0].channels, 1);
  for (const image::Image& p : own) {
    EXPECT_EQ(p.at(0, 0), 0);
    EXPECT_EQ(p.at(1, 1), 255);
  }
  EXPECT_EQ(own[0].at(1, 0), 128);
  EXPECT_EQ(weight_pictures(w, {.most = 1}).size(), 1u);
}

// An 11 x 11 filter of three channels is one picture in colour (VIS-01).
TEST(WeightPictures, ThreeChannelsAreColour) {
  std::vector<float> values(3 * 11 * 11, 0.f);
  values[0] = 1;                      // red, top left
  values[2 * 121 + 10 * 11 + 4] = 1;  // blue, bottom row
  const auto p = weight_pictures(Tensor::from<float>(values, {1, 3, 11, 11}));
  ASSERT_EQ(p.size(), 1u);
  EXPECT_EQ(p[0].channels, 3);
  EXPECT_EQ(p[0].height, 11);
  EXPECT_EQ(p[0].at(0, 0, 0), 255);
  EXPECT_EQ(p[0].at(0, 0, 1), 0);
  EXPECT_EQ(p[0].at(10, 4, 2), 255);
}

TEST(WeightPictures, RefusesOtherRanks) {
  EXPECT_NE(
      argument_error([] {
        weight_pictures(Tensor::from<float>({1, 2}, {1, 2}));
      }).find("expected weights (O, C, h, w)"),
      std::string::npos);
}

}  // namespace
}  // namespace fovea::report
