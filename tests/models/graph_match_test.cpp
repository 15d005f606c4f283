#include "fovea/models/graph_match.h"

#include <gtest/gtest.h>

#include "fovea/models/architecture.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/random.h"
#include "tests/support/expect.h"

namespace fovea::models {
namespace {

// conv, batch norm, ReLU, conv with ReLU, mean of all pixels and a linear layer, as Caffe says it.
formats::LayerGraph caffe() {
  formats::LayerGraph g;
  g.layers = {
      {"conv",
       "stem",
       {"data"},
       {"a"},
       {{"kernel_h", 3},
        {"kernel_w", 3},
        {"pad_top", 1},
        {"pad_left", 1},
        {"pad_bottom", 1},
        {"pad_right", 1}}},
      {"batch_norm", "stem/bn", {"a"}, {"a"}},
      {"scale", "stem/scale", {"a"}, {"a"}},
      {"relu", "stem/relu", {"a"}, {"a"}},
      {"conv", "deep", {"a"}, {"b"}, {{"relu", 1}}},
      {"pool", "mean", {"b"}, {"c"}, {{"global", 1}, {"average", 1}}},
      {"linear", "scores", {"c"}, {"d"}}};
  g.layers.insert(g.layers.begin(), {"input", "data", {}, {"data"}});
  auto random = [&](const char* name, const Shape& shape) {
    g.weights[name] = random_normal(shape, Key(g.weights.size())).eval();
  };
  random("stem.weight", {4, 3, 3, 3});
  random("stem/bn.running_mean", {4});
  random("stem/scale.weight", {4});
  random("stem/scale.bias", {4});
  random("deep.weight", {6, 4, 1, 1});
  random("deep.bias", {6});
  random("scores.weight", {5, 6});
  random("scores.bias", {5});
  g.weights["stem/bn.running_var"] = (abs(random_normal({4}, Key{9})) + 0.5).eval();
  return g;
}

std::unique_ptr<nn::Module> ours(const std::string& pad = "1") {
  auto net = build(
      {.name = "layers",
       .input = {8, 8, 3},
       .classes = 5,
       .layers = {
           {"conv",
            {{"out", "4"}, {"kernel", "3"}, {"pad", pad}, {"norm", "batch"}, {"act", "relu"}}},
           {"conv", {{"out", "6"}, {"kernel", "1"}, {"act", "relu"}}},
           {"global_pool", {}},
           {"linear", {{"out", "5"}}}}});
  nn::initialize(*net, Key(1));
  return net;
}

TEST(GraphMatch, GivesTheWeightsOurNames) {
  const formats::LayerGraph g = caffe();
  const auto net = ours();
  const GraphMatch m = match_graph(g, *net, {8, 8, 3});
  EXPECT_TRUE(m.same()) << m.difference;
  EXPECT_TRUE(m.notes.empty());
  EXPECT_EQ(m.weights.size(), 9u);
  EXPECT_GT(nn::parameters(*net).size(), 6u);
}

TEST(GraphMatch, SaysWhereTheNetworksDiffer) {
  formats::LayerGraph g = caffe();
  for (const char* side : {"pad_top", "pad_left", "pad_bottom", "pad_right"})
    g.layers[5].options[side] = 1;
  const GraphMatch m = match_graph(g, *ours(), {8, 8, 3});
  EXPECT_FALSE(m.same());
  ASSERT_EQ(m.notes.size(), 1u);
  EXPECT_HAS(m.notes[0], "deep pads by 1, ");

  g = caffe();
  g.layers.erase(g.layers.begin() + 4);  // without the ReLU
  EXPECT_FALSE(match_graph(g, *ours(), {8, 8, 3}).same());
  g = caffe();
  g.weights["deep.weight"] = random_normal({6, 4, 3, 3}, Key{1}).eval();
  const auto net = ours();
  const std::string before = fingerprint(nn::parameters(*net));
  const GraphMatch other = match_graph(g, *net, {8, 8, 3});
  EXPECT_FALSE(other.same());
  EXPECT_EQ(other.report.loaded, 0);
  EXPECT_EQ(fingerprint(nn::parameters(*net)), before);
  ASSERT_EQ(other.report.mismatched.size(), 1u);
  EXPECT_HAS(other.report.mismatched[0], "layer 3 of those with weights: expected \"");
  EXPECT_HAS(other.report.mismatched[0], "got \"deep\" (bias (6), weight (6, 4, 3, 3))");
}

TEST(GraphMatch, NamesOfLayersDoNotReachTheTerminalAsTheyAre) {
  formats::LayerGraph g = caffe();
  g.layers[5].name = "de\n\x1b[2Jep";
  for (const char* part : {"weight", "bias"})
    g.weights[g.layers[5].name + "." + part] = g.weights.at(std::string("deep.") + part);
  g.layers[5].options["stride_h"] = g.layers[5].options["stride_w"] = 2;
  const GraphMatch strides = match_graph(g, *ours(), {8, 8, 3});
  ASSERT_EQ(strides.notes.size(), 1u);
  EXPECT_HAS(strides.notes[0], "de??[2Jep strides by 2, ");
  g.weights[g.layers[5].name + ".bias"] = random_normal({7}, Key{1}).eval();
  const GraphMatch other = match_graph(g, *ours(), {8, 8, 3});
  ASSERT_EQ(other.report.mismatched.size(), 1u);
  EXPECT_HAS(other.report.mismatched[0], "got \"de??[2Jep\" (bias (7)");
}

}  // namespace
}  // namespace fovea::models
