#include <gtest/gtest.h>

#include "fovea/report/svg.h"
#include "tests/report/check_markup.h"
#include "tests/support/check_op.h"

namespace fovea::report {
namespace {

Roofline chart() {
  return {
      .title = "Roof",
      .arithmetic = 100e9,
      .memory = 20e9,
      .points = {{"conv <1>", 50, 80e9, 0.7}, {"relu", 0.1, 1e9, 0.2}, {"tiny", 1e-3, 1e3, 0}}};
}

TEST(Roofline, IsWellFormedAndTellsEachPoint) {
  const std::string svg = roofline(chart()).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_NE(svg.find("conv &lt;1&gt;: 80 GFLOP/s, 80 % of the roof, 70.0 % of the time"), svg.npos);
  EXPECT_NE(svg.find("relu: 1 GFLOP/s, 50 % of the roof"), svg.npos);
}

TEST(Roofline, WithoutPointsShowsTheRoof) {
  Roofline empty = chart();
  empty.points.clear();
  EXPECT_TRUE(is_well_formed(roofline(empty).markup));
}

TEST(Roofline, RefusesWhatLogarithmsCannotShow) {
  Roofline bad = chart();
  bad.points[0].intensity = 0;
  EXPECT_EQ(
      test::message_of([&] { roofline(bad); }),
      "[roofline] expected point 'conv <1>' above 0 on both axes");
  bad = chart();
  bad.memory = 0;
  EXPECT_NE(
      test::message_of([&] { roofline(bad); }).find("expected limits above 0"), std::string::npos);
}

}  // namespace
}  // namespace fovea::report
