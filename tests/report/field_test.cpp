#include "fovea/report/field.h"

#include <cmath>

#include "fovea/report/html.h"
#include "tests/report/check_markup.h"

namespace fovea::report {
namespace {

// Heights of a cone round the middle, (rows, columns).
Grid cone(int side) {
  Grid g{side, side, {}};
  for (int r = 0; r < side; ++r)
    for (int c = 0; c < side; ++c)
      g.values.push_back(std::hypot(r - (side - 1) / 2.0, c - (side - 1) / 2.0));
  return g;
}

TEST(Field, ContoursOfAConeAreCircles) {
  const std::vector<Place> ends = contour(cone(41), 12);
  ASSERT_GT(ends.size(), 40u);
  EXPECT_EQ(ends.size() % 2, 0u);
  double length = 0;
  for (size_t i = 0; i < ends.size(); i += 2) {
    EXPECT_NEAR(std::hypot(ends[i].x - 20, ends[i].y - 20), 12, 0.02);
    length += std::hypot(ends[i].x - ends[i + 1].x, ends[i].y - ends[i + 1].y);
  }
  EXPECT_NEAR(length, 2 * M_PI * 12, 0.2);
  EXPECT_TRUE(contour(cone(5), 100).empty());
}

// Two high corners opposite each other: their mean says whether a ridge joins them.
TEST(Field, SaddlesAreSplitByTheirMean) {
  auto first_piece = [](double high) {
    const std::vector<Place> p = contour({2, 2, {high, 0, 0, high}}, 1);
    EXPECT_EQ(p.size(), 4u);
    // The corner (0, 0) or (1, 0) that the piece from the lowest side cuts off.
    for (size_t i = 0; i < 4; i += 2)
      for (const auto& [a, b] : {std::pair{p[i], p[i + 1]}, std::pair{p[i + 1], p[i]}})
        if (a.y == 0) return b.x;
    return -1.0;
  };
  EXPECT_EQ(first_piece(4), 1);    // mean 2: the ridge stays whole, (1, 0) is cut off
  EXPECT_EQ(first_piece(1.5), 0);  // mean 0.75: the peak at (0, 0) stands alone
}

TEST(Field, HeatIsLighterAllTheWayAndLeavesOutWhatIsNotFinite) {
  Grid g{2, 16, {}};
  for (int i = 0; i < 32; ++i) g.values.push_back(i < 16 ? i : NAN);
  const image::Image p = heat_picture(g, 0, 15);
  double before = -1;
  for (int x = 0; x < 16; ++x) {
    const double light = 0.3 * p.at(1, x, 0) + 0.59 * p.at(1, x, 1) + 0.11 * p.at(1, x, 2);
    EXPECT_GT(light, before);
    before = light;
    EXPECT_EQ(p.at(1, x, 3), 255);  // row 0 of the grid is the lowest
    EXPECT_EQ(p.at(0, x, 3), 0);
  }
}

TEST(Field, RegionsAreStrongerWhereTheShareIs) {
  const image::Image p = region_picture({1, 3, {0, 0, 1}}, {1, 3, {0.4, 0.9, 0.9}});
  EXPECT_LT(p.at(0, 0, 3), p.at(0, 1, 3));
  EXPECT_NE(p.at(0, 1, 0), p.at(0, 2, 0));
  EXPECT_NE(
      argument_error([] {
        region_picture({1, 1, {0}}, {1, 2, {0, 0}});
      }).find("same size"),
      std::string::npos);
}

TEST(Field, ChartPutsThingsWhereTheyBelong) {
  FieldChart chart{.title = "Loss <1>", .x_label = "a & b", .y_label = "y"};
  chart.x_low = -1;
  chart.x_high = 1;
  chart.y_low = -2;
  chart.y_high = 2;
  chart.picture = heat_picture(cone(9), 0, 6);
  chart.grid = cone(9);
  chart.levels = {2, 3};
  chart.marks = {{0, 0, 1, "here <"}, {-1, -2, 0}, {NAN, 0}};
  chart.tracks = {{{-1, 0, 1}, {-2, 0, 2}}};
  const std::string svg = field_chart(chart).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "<circle"), 2);
  EXPECT_EQ(count(svg, "here &lt;"), 1);
  EXPECT_EQ(count(svg, "href=\"data:image/png;base64,"), 1);
  EXPECT_EQ(count(svg, "stroke=\"#fff\" stroke-opacity"), 2);
  // The track ends where the marks of the same places are.
  const size_t at = svg.find("stroke=\"#e0342c\"");
  const size_t path = svg.find("d=\"M", at) + 4;
  const size_t circle = svg.find("cx=\"", svg.find("s0\" cx")) + 4;
  EXPECT_NEAR(std::stod(svg.substr(path)), std::stod(svg.substr(circle)), 0.11);
  EXPECT_EQ(count(svg, "nan"), 0);
  chart.x_high = -1;
  EXPECT_NE(argument_error([&] { field_chart(chart); }).find("low < high"), std::string::npos);
  chart.picture = {};
  EXPECT_NE(argument_error([&] { field_chart(chart); }), "");
}

TEST(StripChart, DrawsAStripForEachLayer) {
  StripChart chart{.title = "Weights", .x_label = "step", .columns = {"0", "<5>", "10"}};
  for (const char* name : {"conv1", "a & b"})
    chart.strips.push_back(
        {.label = name,
         .note = "std 1",
         .shares = {2, 3, {0, 1, 2, 3, 4, 0}},
         .low = -1,
         .high = 2});
  chart.strips.back().log = true;
  const std::string svg = strip_chart(chart).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "<image"), 2);
  EXPECT_EQ(count(svg, ">std 1</text>"), 2);
  EXPECT_EQ(count(svg, "stroke-dasharray"), 1);  // where 0 is, not on a logarithmic axis
  EXPECT_EQ(count(svg, ">1e2</text>"), 1);
  EXPECT_EQ(count(svg, ">0</text>"), 1);
  EXPECT_EQ(count(svg, ">10</text>"), 1);
  EXPECT_TRUE(is_well_formed(strip_chart({.title = "none"}).markup));
  chart.columns.pop_back();
  EXPECT_EQ(
      argument_error([&] { strip_chart(chart); }),
      "[strip_chart] expected 2 columns in strip 'conv1', got 3");
}

TEST(StripChart, NeedsNothingFromOutsideOnAPage) {
  StripChart chart{
      .title = "t", .columns = {"0"}, .strips = {{.label = "a", .shares = {1, 1, {1}}}}};
  HtmlReport page("p");
  const Figure figures[] = {{strip_chart(chart), ""}};
  page.figures(figures);
  const std::string html = page.html();
  EXPECT_TRUE(stands_alone(html));
  EXPECT_EQ(count(html, "href=\"data:"), 1);
  EXPECT_NE(html.find("img-src data:"), std::string::npos);
}

}  // namespace
}  // namespace fovea::report
