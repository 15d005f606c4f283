#include "fovea/train/network_figure.h"

#include "fovea/models/registry.h"
#include "tests/report/check_markup.h"
#include "tests/report/check_network.h"

namespace fovea::train {
namespace {

using report::count;

report::NetworkChart figure_of(std::string_view name) {
  const models::Entry& e = models::find(name);
  auto net = e.make({.classes = e.classes, .input = e.input});
  return network_figure(
      *net, {.title = std::string(e.name), .source = std::string(e.paper), .input = e.input});
}

TEST(NetworkFigure, SaysWhatALearnerReads) {
  std::string svg = report::network_chart(figure_of("resnet18")).markup;
  for (const char* text :
       {">7×7 conv, 64, /2</text>",
        ">max pool, 3×3, /2</text>",
        ">56 × 56 × 64</text>",
        ">global avg pool</text>",
        ">fc, 1000</text>",
        ">11.69 M parameters, 1.81 G multiply-adds</text>",
        ">He et al. 2016, Deep residual learning</text>",
        ">batch norm</text>",
        ">ReLU</text>",
        "layer1.0.conv1, layer1.0.bn1"})
    EXPECT_NE(svg.find(text), svg.npos) << text;
  EXPECT_EQ(count(svg, ">+</text>"), 8 + 1);  // and in the legend
  EXPECT_EQ(count(svg, "class=\"wire skip\""), 5);
  EXPECT_EQ(count(svg, "<rect class=\"k s0\""), 20 + 1);
  EXPECT_EQ(count(svg, "<rect class=\"k s4\""), 1 + 1);
  svg = report::network_chart(figure_of("mobilenet_v2")).markup;
  EXPECT_NE(svg.find(">3×3 depthwise conv, 32</text>"), svg.npos);
  svg = report::network_chart(figure_of("resnext50_32x4d")).markup;
  EXPECT_NE(svg.find(">3×3 conv, 128, 32 groups</text>"), svg.npos);
}

TEST(NetworkFigure, FoldsDeepNetworks) {
  auto times = [](std::string_view name) {
    const report::NetworkChart chart = figure_of(name);
    std::vector<int> list;
    for (const auto& frame : report::network_layout(chart.layers, chart.most_rows).frames)
      list.push_back(frame.times);
    return list;
  };
  EXPECT_EQ(times("resnet18"), std::vector<int>{});
  EXPECT_EQ(times("resnet152"), (std::vector{2, 7, 35, 2}));
  EXPECT_EQ(times("densenet201"), (std::vector{6, 12, 48, 32}));
  EXPECT_EQ(times("inception_resnet_v2"), (std::vector{10, 20, 9}));
  EXPECT_EQ(times("resnet110_sd"), times("resnet110"));
}

TEST(NetworkFigure, DrawsEveryNetwork) {
  for (const models::Entry& e : models::all()) {
    SCOPED_TRACE(e.name);
    const report::NetworkChart chart = figure_of(e.name);
    report::expect_readable(report::network_layout(chart.layers, chart.most_rows), chart.layers);
    std::string svg = report::network_chart(chart).markup;
    EXPECT_TRUE(report::is_well_formed(svg));
    // The sums between the branches of ESPNet's pyramids keep those from being folded.
    EXPECT_LT(svg.size(), e.name == "espnet" ? 120'000u : 70'000u);
  }
}

}  // namespace
}  // namespace fovea::train
