#include <algorithm>

#include "fovea/report/svg_network.h"
#include "tests/report/check_markup.h"
#include "tests/report/check_network.h"

namespace fovea::report {
namespace {

using Kind = NetworkLayer::Kind;
using Layers = std::vector<NetworkLayer>;

NetworkLayer conv(std::vector<size_t> inputs, std::string detail = "64") {
  return {.kind = Kind::conv, .text = "3x3 conv", .detail = std::move(detail), .inputs = inputs};
}

NetworkLayer join(Kind kind, std::vector<size_t> inputs) {
  return {
      .kind = kind,
      .text = kind == Kind::join ? "+" : "concat",
      .detail = kind == Kind::join ? "sum" : "",
      .inputs = inputs};
}

Layers with_input(Layers rest) {
  rest.insert(rest.begin(), {.kind = Kind::input, .text = "input"});
  return rest;
}

const NetworkBox& box_of(const NetworkLayout& layout, size_t layer) {
  return *std::ranges::find(layout.boxes, layer, &NetworkBox::layer);
}

const NetworkWire& wire_of(const NetworkLayout& layout, size_t from, size_t to) {
  return *std::ranges::find_if(
      layout.wires, [&](const NetworkWire& w) { return w.from == from && w.to == to; });
}

TEST(NetworkLayout, ARunStandsInOneColumn) {
  Layers layers = with_input({conv({0}), conv({1}), conv({2})});
  NetworkLayout layout = network_layout(layers, 40);
  expect_readable(layout, layers);
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(box_of(layout, i).axis, box_of(layout, 0).axis);
    EXPECT_GT(box_of(layout, i).y, box_of(layout, i - 1).bottom());
  }
}

TEST(NetworkLayout, ASkipGoesRoundTheBlockIntoThePlus) {
  Layers layers =
      with_input({conv({0}), conv({1}), conv({2}), join(Kind::join, {1, 3}), conv({4})});
  NetworkLayout layout = network_layout(layers, 40);
  expect_readable(layout, layers);
  const NetworkWire& skip = wire_of(layout, 1, 4);
  EXPECT_TRUE(skip.skip);
  EXPECT_FALSE(wire_of(layout, 3, 4).skip);
  const NetworkBox& plus = box_of(layout, 4);
  EXPECT_EQ(skip.points.back().x, plus.right());
  EXPECT_EQ(skip.points.back().y, plus.y + circle_size / 2);
  double widest = 0;
  for (const NetworkPoint& p : skip.points) widest = std::max(widest, p.x);
  EXPECT_GT(widest, box_of(layout, 2).right());
}

TEST(NetworkLayout, BranchesStandSideBySideUnderOneBar) {
  Layers layers = with_input(
      {conv({0}), conv({0}), conv({2}), conv({0}), join(Kind::concat, {1, 3, 4}), conv({5})});
  NetworkLayout layout = network_layout(layers, 40);
  expect_readable(layout, layers);
  EXPECT_EQ(box_of(layout, 1).y, box_of(layout, 2).y);
  EXPECT_EQ(box_of(layout, 1).y, box_of(layout, 4).y);
  EXPECT_LT(box_of(layout, 1).right(), box_of(layout, 2).x);
  EXPECT_TRUE(box_of(layout, 1).narrow);
  EXPECT_FALSE(box_of(layout, 6).narrow);
  for (size_t end : {1u, 3u, 4u}) {  // straight down into the bar
    const NetworkWire& w = wire_of(layout, end, 5);
    EXPECT_EQ(w.points.front().x, w.points.back().x);
  }
}

// A shortcut with a layer of its own stands beside the block, which keeps the axis.
TEST(NetworkLayout, AProjectionStandsBesideTheBlock) {
  Layers layers =
      with_input({conv({0}), conv({1}), conv({2}), conv({1}), join(Kind::join, {3, 4}), conv({5})});
  NetworkLayout layout = network_layout(layers, 40);
  expect_readable(layout, layers);
  EXPECT_EQ(box_of(layout, 2).axis, box_of(layout, 5).axis);
  EXPECT_GT(box_of(layout, 4).x, box_of(layout, 2).right());
  EXPECT_EQ(wire_of(layout, 4, 5).points.back().x, box_of(layout, 5).right());
}

// Two branches that exchange values are no nesting of branches.
TEST(NetworkLayout, DrawsWhatNoNestingHas) {
  Layers layers = with_input(
      {conv({0}),
       conv({1}),
       conv({1}),
       join(Kind::join, {2, 3}),
       join(Kind::concat, {2, 4}),
       join(Kind::concat, {3, 4}),
       join(Kind::join, {5, 6}),
       conv({7})});
  expect_readable(network_layout(layers, 40), layers);
}

// Random networks: every layer reads one or two of those shortly before it.
TEST(NetworkLayout, DrawsAnyNetwork) {
  uint32_t state = 1;
  auto below = [&](size_t n) {
    state = state * 1664525u + 1013904223u;
    return size_t(state >> 16) % n;
  };
  for (int round = 0; round < 200; ++round) {
    Layers layers = with_input({});
    std::vector<bool> read{false};
    for (size_t i = 1; i < 14; ++i) {
      std::set<size_t> inputs{i - 1 - below(std::min<size_t>(i, 4))};
      if (below(2)) inputs.insert(i - 1 - below(std::min<size_t>(i, 4)));
      if (i >= 4 && !read[i - 4]) inputs.insert(i - 4);
      if (i == 13)
        for (size_t k = 0; k < i; ++k)
          if (!read[k]) inputs.insert(k);
      for (size_t from : inputs) read[from] = true;
      read.push_back(false);
      const std::vector<size_t> list(inputs.begin(), inputs.end());
      layers.push_back(
          list.size() == 1 ? conv(list) : join(below(2) ? Kind::join : Kind::concat, list));
    }
    SCOPED_TRACE(round);
    expect_readable(network_layout(layers, 40), layers);
    if (testing::Test::HasFailure()) break;
  }
}

TEST(NetworkLayout, FoldsRepeatedBlocksOfAHighPictureOnly) {
  Layers layers = with_input({conv({0}, "32")});
  for (int block = 0; block < 5; ++block) {
    const size_t top = layers.size() - 1;
    layers.push_back(conv({top}));
    layers.push_back(conv({top + 1}));
    layers.push_back(join(Kind::join, {top, top + 2}));
  }
  layers.push_back(conv({layers.size() - 1}, "10"));
  NetworkLayout high = network_layout(layers, 40), low = network_layout(layers, 10);
  EXPECT_EQ(high.boxes.size(), layers.size());
  EXPECT_TRUE(high.frames.empty());
  expect_readable(low, layers);
  EXPECT_EQ(low.boxes.size(), 2u + 3u + 1u);
  ASSERT_EQ(low.frames.size(), 1u);
  EXPECT_EQ(low.frames[0].times, 5);
  EXPECT_EQ(wire_of(low, 4, layers.size() - 1).points.size(), 2u);  // on behind the block

  layers[6].detail = "65";  // of the second block: what is alike now are the three behind it
  NetworkLayout other = network_layout(layers, 10);
  ASSERT_EQ(other.frames.size(), 1u);
  EXPECT_EQ(other.frames[0].times, 3);
}

TEST(NetworkChart, IsWellFormedAndEscaped) {
  NetworkChart chart{
      .title = "a <&> \"b\"",
      .caption = {"cats & dogs, a line that is far too long for a picture of this width"},
      .layers = with_input({conv({0}), join(Kind::join, {0, 1}), conv({2})})};
  chart.layers[1].note = "it's <b>";
  chart.layers[1].after = {{NetworkStep::Kind::activation, "ReLU<"}};
  chart.layers[1].shape = "8 < 9";
  std::string svg = network_chart(chart).markup;
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_NE(svg.find("<title>it&#39;s &lt;b&gt;</title>"), svg.npos);
  EXPECT_NE(svg.find(">ReLU&lt;</text>"), svg.npos);
  EXPECT_NE(svg.find(">cats &amp; dogs, a line"), svg.npos);
  EXPECT_EQ(svg.find("far too long for a picture of"), svg.npos);  // in two lines
  EXPECT_EQ(count(svg, "<rect class=\"w\""), 1);                   // a background of its own
  EXPECT_NE(svg.find("prefers-color-scheme:dark"), svg.npos);
  EXPECT_EQ(count(svg, "class=\"wire skip\""), 1);
}

// Few programs but browsers know the variables of a style.
TEST(NetworkChart, HasColoursWithoutVariables) {
  const std::string svg =
      network_chart({.title = "t", .layers = with_input({conv({0}), join(Kind::join, {0, 1})})})
          .markup;
  std::string plain = svg, with_variables;
  const std::string begin = "@supports(fill:var(--c)){", end = "\n}\n</style>";
  for (size_t at; (at = plain.find(begin)) != plain.npos;) {
    const size_t stop = plain.find(end, at);
    ASSERT_NE(stop, plain.npos);
    with_variables += plain.substr(at, stop - at);
    plain.erase(at, stop + 2 - at);
  }
  EXPECT_EQ(plain.find("var("), plain.npos);
  for (const char* rule :
       {".fv text{fill:#666c78}",
        ".fv .w{fill:#fff}",
        ".fv .k{fill-opacity:.15;stroke-width:1.25}",
        ".k.s0,.s0 .k{fill:#2563c9;stroke:#2563c9}",
        ".k.i,.i .k{fill:#b9bdc6",
        ".b.s6,.s6 .b{fill:#c53030}",
        ".fv .wire{fill:none;stroke:#666c78"})
    EXPECT_NE(plain.find(rule), plain.npos) << rule;
  // These are of the same weight and come later, so that they hold where variables are known.
  for (const char* rule :
       {".fv text{fill:var(--soft)}", ".fv .k{fill:var(--c)", ".fv .b{fill:var("})
    EXPECT_NE(with_variables.find(rule), with_variables.npos) << rule;
}

TEST(NetworkChart, RefusesWhatIsNoNetwork) {
  auto error = [](Layers layers) {
    return argument_error([&] { network_chart({.title = "t", .layers = layers}); });
  };
  EXPECT_EQ(error({}), "[network_chart] expected an input and at least one layer, got 0");
  EXPECT_EQ(
      error(with_input({conv({1})})),
      "[network_chart] expected layers to read earlier ones, got 1 for layer 1");
  EXPECT_EQ(
      error(with_input({conv({})})),
      "[network_chart] expected inputs for every layer but the first, got 0 for layer 1");
  EXPECT_EQ(
      error(with_input({conv({0}), conv({0})})),
      "[network_chart] expected somebody to read layer 1, got nobody");
}

}  // namespace
}  // namespace fovea::report
