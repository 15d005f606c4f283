#include "fovea/models/diagram.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "fovea/models/architecture.h"
#include "fovea/models/pattern.h"
#include "fovea/models/registry.h"
#include "fovea/models/summary.h"
#include "tests/models/siblings.h"

namespace fovea::models {
namespace {

using Kind = DiagramLayer::Kind;
using Step = DiagramStep;

std::vector<DiagramLayer> diagram_of(std::string_view name) {
  const Entry& e = find(name);
  return diagram(*e.make({.classes = e.classes, .input = e.input}), e.input);
}

int64_t count(const std::vector<DiagramLayer>& layers, Kind kind) {
  return std::ranges::count(layers, kind, &DiagramLayer::kind);
}

TEST(Diagram, OfLeNet5InOrder) {
  const Kind kinds[] = {
      Kind::input,
      Kind::conv,
      Kind::max_pool,
      Kind::conv,
      Kind::max_pool,
      Kind::linear,
      Kind::linear,
      Kind::linear};
  const char* outputs[] = {
      "(1, 28, 28, 1)",
      "(1, 28, 28, 6)",
      "(1, 14, 14, 6)",
      "(1, 10, 10, 16)",
      "(1, 5, 5, 16)",
      "(1, 120)",
      "(1, 84)",
      "(1, 10)"};
  auto layers = diagram_of("lenet5");
  ASSERT_EQ(layers.size(), std::size(kinds));
  for (size_t i = 0; i < layers.size(); ++i) {
    EXPECT_EQ(layers[i].kind, kinds[i]) << i;
    EXPECT_EQ(layers[i].output.str(), outputs[i]) << i;
    EXPECT_EQ(layers[i].inputs, i > 0 ? std::vector{i - 1} : std::vector<size_t>{});
  }
  EXPECT_EQ(layers[1].after, (std::vector<Step>{{Step::Kind::activation, "relu"}}));
  EXPECT_EQ(layers[1].paths, (std::vector<std::string>{"conv1", "relu1"}));
  EXPECT_EQ(layers[1].kernel, (std::array<int64_t, 2>{5, 5}));
  EXPECT_EQ(layers[2].stride, (std::array<int64_t, 2>{2, 2}));
  EXPECT_EQ(layers[5].parameters, 48'120);
  EXPECT_EQ(layers[5].macs, 48'000);
  EXPECT_TRUE(layers[7].after.empty());
}

TEST(Diagram, OfResNet18) {
  auto layers = diagram_of("resnet18");
  EXPECT_EQ(count(layers, Kind::add), 8);
  EXPECT_EQ(count(layers, Kind::conv), 20);
  EXPECT_EQ(count(layers, Kind::linear), 1);
  EXPECT_EQ(layers.size(), 1u + 20u + 8u + 3u);  // the picture, and two poolings
  for (const DiagramLayer& l : layers) {
    if (l.kind == Kind::conv) {
      EXPECT_EQ(l.after[0], (Step{Step::Kind::norm, "batch norm"}));
    } else if (l.kind == Kind::add) {
      EXPECT_EQ(l.inputs.size(), 2u);
      EXPECT_EQ(l.after, (std::vector<Step>{{Step::Kind::activation, "relu"}}));
    }
  }
  EXPECT_EQ(layers[1].kernel, (std::array<int64_t, 2>{7, 7}));
  EXPECT_EQ(layers[1].stride, (std::array<int64_t, 2>{2, 2}));
  EXPECT_EQ(layers[2].kernel, (std::array<int64_t, 2>{3, 3}));
}

TEST(Diagram, OfFireInceptionAndFractalBlocks) {
  auto squeezenet = diagram_of("squeezenet1_0");
  EXPECT_EQ(count(squeezenet, Kind::concat), 8);
  for (const DiagramLayer& l : squeezenet)
    if (l.kind == Kind::concat) {
      ASSERT_EQ(l.inputs.size(), 2u);
      EXPECT_EQ(squeezenet[l.inputs[0]].inputs, squeezenet[l.inputs[1]].inputs);
    }
  auto googlenet = diagram_of("googlenet");
  EXPECT_EQ(count(googlenet, Kind::concat), 9);
  EXPECT_EQ(count(googlenet, Kind::conv), 57);
  for (const DiagramLayer& l : googlenet) {
    EXPECT_EQ(l.inputs.size(), l.kind == Kind::concat ? 4u : l.kind == Kind::input ? 0u : 1u);
  }
  auto fractalnet = diagram_of("fractalnet");  // means of two, and of three at the end of a block
  int joins[4] = {};
  for (const DiagramLayer& l : fractalnet)
    if (l.op == "mean") ++joins[l.inputs.size()];
  EXPECT_EQ(joins[2], 5);
  EXPECT_EQ(joins[3], 5);
}

// Norms and activations belong to the convolution before them, or else to the one behind.
TEST(Diagram, JoinsStepsToTheirLayers) {
  const Step norm{Step::Kind::norm, "batch norm"}, relu{Step::Kind::activation, "relu"};
  auto dense = diagram_of("densenet121");
  int inside = 0;
  for (const DiagramLayer& l : dense)
    if (l.before == std::vector{norm, relu} && l.after == l.before) ++inside;
  EXPECT_EQ(inside, 6 + 12 + 24 + 16);
  EXPECT_EQ(count(dense, Kind::norm), 1);  // before the pooling at the end
  auto mobile = diagram_of("mobilenet_v2");
  EXPECT_EQ(mobile[1].after[1].name, "relu6");
  EXPECT_EQ(mobile[2].groups, 32);
  auto residual = diagram_of("inception_resnet_v2");
  EXPECT_TRUE(std::ranges::any_of(residual, [](const DiagramLayer& l) {
    return l.after == std::vector{Step{Step::Kind::scale, "x 0.17"}};
  }));
}

TEST(Diagram, LeavesOutWhatOnlyRearranges) {
  auto paper = diagram_of("alexnet_paper");
  EXPECT_EQ(count(paper, Kind::norm), 2);  // local response norms, one layer each
  auto alexnet = diagram_of("alexnet");
  EXPECT_EQ(count(alexnet, Kind::avg_pool), 0);  // its adaptive pooling keeps 6 x 6 as it is
  const Entry& e = find("alexnet");
  auto large = diagram(*e.make({.classes = 1000, .input = {448, 448, 3}}), {448, 448, 3});
  EXPECT_EQ(count(large, Kind::avg_pool), 1);
  auto resnet = diagram_of("resnet20");
  EXPECT_EQ(std::ranges::count(resnet, "zero pad", &DiagramLayer::op), 2);
  for (const DiagramLayer& l : diagram_of("convnext_tiny"))
    EXPECT_EQ(l.output[0], 1) << l.output.str();
}

TEST(Diagram, OfALineOfARecipe) {
  auto specs = expand_pattern("[(conv-relu)*2-pool]*2-(fc-relu)*1", {.classes = 7});
  auto net = build({.name = "layers", .input = {16, 16, 3}, .classes = 7, .layers = specs});
  auto layers = diagram(*net, {16, 16, 3});
  EXPECT_EQ(count(layers, Kind::conv), 4);
  EXPECT_EQ(count(layers, Kind::max_pool), 2);
  EXPECT_EQ(layers.back().output, (Shape{1, 7}));
}

// Without those of heads that run in training alone.
int64_t parameters_in_use(nn::Module& m) {
  int64_t n = 0;
  for (const auto& [name, t] : nn::parameters(m))
    if (!name.starts_with("aux") && !name.starts_with("AuxLogits")) n += t.numel();
  return n;
}

// The parts of every network: all parameters and multiply-adds, each once, and no loose ends.
TEST(Diagram, AccountsForEveryNetwork) {
  for (const Entry& e : all()) {
    SCOPED_TRACE(e.name);
    auto net = e.make({.classes = std::max<int64_t>(3, least_classes(e.name)), .input = e.input});
    auto layers = diagram(*net, e.input);
    Summary s = summarize(*net, e.input);
    int64_t parameters = 0;
    double macs = 0;
    std::vector<bool> read(layers.size());
    for (size_t i = 0; i < layers.size(); ++i) {
      parameters += layers[i].parameters;
      macs += layers[i].macs;
      EXPECT_EQ(layers[i].inputs.empty(), i == 0);
      EXPECT_NE(layers[i].output.rank(), 0);
      for (size_t from : layers[i].inputs) {
        ASSERT_LT(from, i);
        read[from] = true;
      }
    }
    EXPECT_EQ(parameters, parameters_in_use(*net));
    EXPECT_DOUBLE_EQ(macs, s.macs);
    EXPECT_EQ(std::ranges::count(read, false), 1);  // the scores
    EXPECT_EQ(layers.back().output, scores_shape(*net, e.input));
  }
}

}  // namespace
}  // namespace fovea::models
