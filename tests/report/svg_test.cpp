#include "fovea/report/svg.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "tests/report/check_markup.h"

namespace fovea::report {
namespace {

Series ramp(const std::string& name, int count) {
  Series series{name, {}, {}};
  for (int i = 0; i < count; ++i) {
    series.x.push_back(i);
    series.y.push_back(i % 7 + 0.5);
  }
  return series;
}

// The data of the first line drawn for a series.
std::string path_of(const std::string& markup) {
  size_t at = markup.find("<g class=\"s0\"><path class=\"l\" d=\"");
  if (at == markup.npos) return "none";
  at = markup.find(" d=\"", at) + 4;
  return markup.substr(at, markup.find('"', at) - at);
}

TEST(NiceTicks, EncloseTheRange) {
  EXPECT_EQ(nice_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(nice_ticks(-1, 3.2, 4), (std::vector<double>{-2, 0, 2, 4}));
  EXPECT_EQ(nice_ticks(1, 3, 10, 1), (std::vector<double>{1, 2, 3}));
  for (double low : {-3e-7, 0.0, 12345.678})
    for (double size : {1e-9, 0.37, 8e6}) {
      auto ticks = nice_ticks(low, low + size, 5);
      EXPECT_LE(ticks.front(), low + 1e-6 * size);
      EXPECT_GE(ticks.back(), low + size - 1e-6 * size);
      EXPECT_GE(ticks.size(), 2u);
      EXPECT_LE(ticks.size(), 8u);
    }
  EXPECT_GE(nice_ticks(5, 5, 4).size(), 2u);
}

TEST(LogTicks, EncloseTheRange) {
  auto near = [](std::vector<double> a, std::vector<double> b) {
    return std::ranges::equal(a, b, [](double x, double y) { return std::abs(x / y - 1) < 1e-9; });
  };
  EXPECT_TRUE(near(log_ticks(0.03, 1.5), {0.02, 0.05, 0.1, 0.2, 0.5, 1, 2}));
  EXPECT_TRUE(near(log_ticks(1, 10), {1, 2, 5, 10}));
  EXPECT_TRUE(near(log_ticks(3, 3), {2, 5}));
  EXPECT_TRUE(near(log_ticks(1e-7, 3e-7), {1e-7, 2e-7, 5e-7}));
}

TEST(LineChart, IsWellFormedAndNamed) {
  LineChart chart{
      .title = "Loss <&>",
      .description = "falls",
      .x_label = "epoch",
      .series = {ramp("train \"a\"", 10), ramp("val", 10)}};
  std::string svg = line_chart(chart).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_NE(svg.find("role=\"img\" aria-label=\"Loss &lt;&amp;&gt;\""), svg.npos);
  EXPECT_NE(svg.find("<title>Loss &lt;&amp;&gt;</title><desc>falls</desc>"), svg.npos);
  EXPECT_NE(svg.find(">train &quot;a&quot;</text>"), svg.npos);
  EXPECT_NE(svg.find("<title>val, epoch 3: 3.5</title>"), svg.npos);
  EXPECT_EQ(count(svg, "<g class=\"s"), 2);
  EXPECT_EQ(count(svg, "<script"), 0);
  EXPECT_NE(svg.find("prefers-color-scheme:dark"), svg.npos);
}

TEST(LineChart, ValuesThatAreNotFiniteBreakTheLine) {
  Series series{"a", {0, 1, 2, 3, 4, NAN, 6, 7}, {1, 2, INFINITY, 3, 4, 5, NAN, 2}};
  std::string svg = line_chart({.title = "t", .series = {series}}).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(path_of(svg), "M"), 2);
  EXPECT_EQ(count(svg, "<circle class=\"b\""), 1);  // the lone last point
  EXPECT_EQ(count(svg, "nan"), 0);
  EXPECT_EQ(count(svg, "inf"), 0);
}

TEST(LineChart, LogAxisLeavesOutWhatHasNoLogarithm) {
  Series series{"a", {0, 1, 2, 3, 4}, {1, 0.1, 0, -1, 0.01}};
  std::string svg = line_chart({.title = "t", .series = {series}, .log_y = true}).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "class=\"p\""), 3);
  EXPECT_NE(svg.find(">0.1</text>"), svg.npos);
  series.y = {1, 1e-3, 1e-6, 1e-9, 1e-12};
  svg = line_chart({.title = "t", .series = {series}, .log_y = true}).markup;
  EXPECT_EQ(count(svg, "class=\"g\""), 7);  // every second decade
}

TEST(LineChart, BothAxesCanBeLogarithmic) {
  Series series{"a", {0, 1e-7, 1e-4, 0.1, 10}, {5, 4, 3, 2, 9}};
  std::string svg =
      line_chart({.title = "t", .x_label = "rate", .series = {series}, .log_x = true}).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "class=\"p\""), 4);  // 0 has no logarithm
  for (const char* label : {">1e-07</text>", ">0.001</text>", ">10</text>"})
    EXPECT_NE(svg.find(label), svg.npos) << label;
  // Steps of three decades are equally wide, to the rounding of the file.
  std::vector<double> x;
  for (size_t at = svg.find("cx=\""); at != svg.npos; at = svg.find("cx=\"", at + 1))
    x.push_back(std::stod(svg.substr(at + 4)));
  ASSERT_EQ(x.size(), 4u);
  EXPECT_NEAR(x[1] - x[0], x[2] - x[1], 0.2);
  EXPECT_NEAR((x[3] - x[2]) * 1.5, x[1] - x[0], 0.3);
  EXPECT_TRUE(is_well_formed(line_chart({.title = "t", .log_x = true}).markup));
  EXPECT_TRUE(is_well_formed(
      line_chart({.title = "t", .series = {{"one", {0.01}, {2}}}, .log_x = true}).markup));
}

TEST(LineChart, ManyPointsGiveAShortFile) {
  std::string svg = line_chart({.title = "t", .series = {ramp("a", 200'000)}}).markup;
  EXPECT_LT(svg.size(), 40'000u);
  EXPECT_EQ(count(svg, "class=\"p\""), 0);
  // Lowest and highest of each column survive.
  EXPECT_GT(count(path_of(svg), "L"), 800);
}

TEST(LineChart, EmptyOnePointAndConstant) {
  std::string svg = line_chart({.title = "t"}).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_NE(svg.find(">no data<"), svg.npos);
  EXPECT_TRUE(is_well_formed(line_chart({.title = "t", .series = {{"a", {1}, {2}}}}).markup));
  svg = line_chart({.title = "t", .series = {{"a", {1, 2}, {0, 0}}}, .unit = Unit::percent}).markup;
  EXPECT_EQ(count(svg, "nan"), 0);
  EXPECT_NE(svg.find(" %</text>"), svg.npos);
}

TEST(LineChart, RefusesWhatDoesNotFit) {
  EXPECT_EQ(
      argument_error([] {
        line_chart({.title = "t", .series = {{"a", {1, 2}, {1}}}});
      }),
      "[line_chart] expected as many x as y in series 'a', got 2 and 1");
  EXPECT_EQ(
      argument_error([] { line_chart({.title = "t", .width = 10}); }),
      "[line_chart] expected a chart of at least 200 by 150, got 10 by 300");
}

TEST(BarChart, DrawsValuesOfBothSigns) {
  BarChart chart{
      .title = "Change", .bars = {{"cat", 0.5}, {"dog", -0.25}, {"<b>", 0}}, .unit = Unit::percent};
  std::string svg = bar_chart(chart).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "<rect"), 3);
  EXPECT_NE(svg.find("<title>cat: 50.0 %</title>"), svg.npos);
  EXPECT_NE(svg.find(">\u221225.0 %</text>"), svg.npos);
  EXPECT_NE(svg.find(">&lt;b&gt;</text>"), svg.npos);
  EXPECT_NE(bar_chart({.title = "t"}).markup.find(">no data<"), std::string::npos);
  EXPECT_EQ(
      argument_error([] {
        bar_chart({.title = "t", .bars = {{"a", NAN}}});
      }),
      "[bar_chart] expected finite values, got nan for 'a'");
}

TEST(HeatMap, ShowsCountsAndNames) {
  HeatMap map{
      .title = "Confusion",
      .rows = {"cat", "dog"},
      .columns = {"cat", "dog"},
      .values = {9, 1, 0, 8}};
  std::string svg = heat_map(map).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "<rect class=\"hit\""), 2);
  EXPECT_EQ(count(svg, "<rect class=\"miss\""), 2);
  EXPECT_NE(svg.find("<title>true cat, predicted dog: 1 of 10 (10.0 %)</title>"), svg.npos);
  EXPECT_EQ(count(svg, ">9</text>"), 1);
  EXPECT_EQ(count(svg, ">0</text>"), 0);  // an empty cell says nothing
  EXPECT_EQ(count(svg, ">cat</text>"), 2);
}

TEST(HeatMap, OtherColumnsHaveNoDiagonal) {
  HeatMap map{.title = "Codes", .rows = {"a", "b"}, .columns = {"x", "y"}, .values = {1, 2, 3, 4}};
  EXPECT_EQ(count(heat_map(map).markup, "class=\"miss\""), 0);
}

TEST(HeatMap, ManyClassesLeaveOutNamesThenNumbers) {
  for (int n : {1, 10, 25, 40, 200}) {
    HeatMap map{.title = "Confusion"};
    for (int i = 0; i < n; ++i) map.rows.push_back("class " + std::to_string(i));
    map.columns = map.rows;
    map.values.assign(size_t(n * n), 7);
    std::string svg = heat_map(map).markup;
    EXPECT_TRUE(is_well_formed(svg));
    EXPECT_EQ(count(svg, "<rect"), n * n);
    EXPECT_EQ(count(svg, ">7</text>"), n <= 25 ? n * n : 0) << n;
    EXPECT_EQ(count(svg, ">class 0</text>"), n <= 25 ? 2 : 0) << n;
  }
}

TEST(HeatMap, RefusesWhatDoesNotFit) {
  EXPECT_EQ(
      argument_error([] { heat_map({.title = "t", .rows = {"a"}, .columns = {"b"}}); }),
      "[heat_map] expected 1 values for 1 rows and 1 columns, got 0");
  EXPECT_EQ(
      argument_error(
          [] { heat_map({.title = "t", .rows = {"a"}, .columns = {"b"}, .values = {-1}}); }),
      "[heat_map] expected finite values of 0 or more, got -1");
}

}  // namespace
}  // namespace fovea::report
