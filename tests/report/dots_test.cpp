#include <cmath>

#include "fovea/report/svg_dots.h"
#include "tests/report/check_markup.h"

namespace fovea::report {
namespace {

// The numbers behind an attribute, one for each place it stands.
std::vector<double> numbers(const std::string& svg, const std::string& name) {
  std::vector<double> all;
  for (size_t at = svg.find(name + "=\""); at != svg.npos; at = svg.find(name + "=\"", at + 1))
    all.push_back(std::stod(svg.substr(at + name.size() + 2)));
  return all;
}

TEST(DotChart, DrawsDotsSpreadsAndCrosses) {
  DotChart chart{
      .title = "k <&>",
      .x_label = "k",
      .series = {{"folds", {{1, 0.5, "a <b>"}, {1, 0.7}, {3, 0.6}, {3, NAN}}}},
      .spreads = {{1, 0.6, 0.1}, {3, 0.6, 0}},
      .without = {2},
      .unit = Unit::percent};
  const std::string svg = dot_chart(chart).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "fill-opacity=\".65\""), 3);  // a value that is not finite is left out
  EXPECT_EQ(count(svg, "<title>a &lt;b&gt;</title>"), 1);
  EXPECT_EQ(count(svg, "standard deviation 10.0 %"), 1);
  EXPECT_EQ(count(svg, "l6 6m0 -6l-6 6"), 1);
  EXPECT_EQ(count(svg, "nan"), 0);
  EXPECT_TRUE(is_well_formed(dot_chart({.title = "none"}).markup));
  EXPECT_EQ(
      argument_error([] { dot_chart({.title = "t", .width = 10}); }),
      "[dot_chart] expected a chart of at least 200 by 150, got 10 by 300");
}

TEST(DotChart, LogarithmicAndNamedAxes) {
  DotChart chart{.title = "t", .series = {{"", {{1e-4, 1}, {1e-3, 1}, {1e-2, 2}}}}, .log_x = true};
  const auto x = numbers(dot_chart(chart).markup, "cx");
  ASSERT_EQ(x.size(), 3u);
  EXPECT_NEAR(x[1] - x[0], x[2] - x[1], 0.2);
  // Where no round number lies within, the ends are named.
  chart.series[0].dots = {{1.0148e-4, 1}, {1.544e-4, 2}};
  const std::string narrow = dot_chart(chart).markup;
  for (const char* label : {">0.000101</text>", ">0.000154</text>"})
    EXPECT_NE(narrow.find(label), narrow.npos) << label;
  const std::string svg =
      dot_chart({.title = "t", .series = {{"", {{0, 1}, {1, 2}}}}, .x_names = {"sgd", "adam"}})
          .markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_NE(svg.find(">adam</text>"), svg.npos);
}

TEST(ParallelChart, DrawsTheStrongestLineLast) {
  ParallelChart chart{
      .title = "trials",
      .axes =
          {{.name = "optimizer.lr", .log = true},
           {.name = "model.name", .names = {"a", "b"}},
           {.name = "val_top1", .unit = Unit::percent}},
      .lines = {
          {{1e-3, 0, 0.9}, 1, "best"},
          {{1e-2, 1, 0.5}, 0.5, "<b>"},
          {{1e-1, 1, NAN}, 0, "failed"}}};
  const std::string svg = parallel_chart(chart).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_LT(svg.find("<title>failed"), svg.find("<title>&lt;b&gt;"));
  EXPECT_LT(svg.find("<title>&lt;b&gt;"), svg.find("<title>best"));
  EXPECT_EQ(count(svg, "<g class=\"s1\">"), 1);
  EXPECT_EQ(count(svg, "nan"), 0);
  EXPECT_TRUE(is_well_formed(parallel_chart({.title = "none"}).markup));
  ParallelChart failed = chart;
  failed.lines.erase(failed.lines.begin(), failed.lines.begin() + 2);
  EXPECT_EQ(count(parallel_chart(failed).markup, "<g class=\"s1\">"), 0);
  chart.lines[0].values.pop_back();
  EXPECT_EQ(
      argument_error([&] { parallel_chart(chart); }),
      "[parallel_chart] expected a value for each of the 3 axes, got 2");
}

}  // namespace
}  // namespace fovea::report
