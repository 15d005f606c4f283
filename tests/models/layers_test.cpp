#include "fovea/models/layers.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "fovea/classic/fitted.h"
#include "fovea/ops/create.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::models {
namespace {

using test::message_of;

const std::vector<LayerSpec> small{
    {"conv", {{"out", "8"}, {"norm", "batch"}, {"act", "relu"}}},
    {"max_pool", {}},
    {"conv", {{"out", "6"}, {"kernel", "1"}, {"norm", "group"}, {"act", "gelu"}}},
    {"dropout", {{"rate", "0.2"}, {"channels", "true"}}},
    {"global_pool", {}},
    {"linear", {{"out", "4"}}},
};

std::string error_of(std::vector<LayerSpec> layers) {
  return message_of([&] { build_layers(layers, {16, 16, 3}); });
}

TEST(Layers, SizesFollowFromTheLayersBefore) {
  auto net = build_layers(small, {16, 16, 3});
  nn::Ctx ctx;
  nn::initialize(*net, Key(1));
  EXPECT_EQ(nn::forward(*net, test::random_input({2, 16, 16, 3}, 1), ctx).shape().str(), "(2, 4)");
  std::vector<std::string> names;
  for (const auto& [name, t] : nn::parameters(*net)) names.push_back(name);
  EXPECT_EQ(
      names,
      (std::vector<std::string>{
          "0.bn.bias",
          "0.bn.weight",
          "0.conv.weight",
          "2.0.weight",
          "2.norm.bias",
          "2.norm.weight",
          "5.bias",
          "5.weight"}));
}

// Every type of the table, with its options at their defaults, can stand in a list.
TEST(Layers, EveryTypeOfTheTableBuilds) {
  for (const LayerType& type : layer_types()) {
    if (type.name == "sift") continue;  // which not every build has
    LayerSpec spec{std::string(type.name), {}};
    for (const LayerOption& o : type.options) {
      EXPECT_FALSE(o.what.empty()) << type.name << "." << o.name;
      if (o.fallback.empty()) spec.options[std::string(o.name)] = "4";
    }
    std::vector<LayerSpec> layers;
    if (type.name != "hue_histogram" && type.name != "features")  // which read colours
      layers.push_back({"conv", {{"out", "4"}}});
    for (const char* flat : {"linear", "project", "knn", "rbf", "tree", "hierarchical_softmax"})
      if (type.name == flat) layers.push_back({"flatten", {}});
    layers.push_back(spec);
    const auto net = build_layers(layers, {16, 16, 3});
    // What the table says of learning is what the module does.
    class Last : public nn::Module::Visitor {
     public:
      nn::Module* found = nullptr;
      void param(std::string_view, Tensor&, const nn::ParamSpec&) override {}
      void state(std::string_view, Tensor&) override {}
      void child(std::string_view, nn::Module& m) override { found = &m; }
    } last;
    net->visit(last);
    EXPECT_EQ(learns_by_steps(spec), nn::count_parameters(*last.found) > 0) << type.name;
    EXPECT_EQ(is_fitted(spec), dynamic_cast<classic::Fitted*>(last.found) != nullptr) << type.name;
  }
  EXPECT_FALSE(learns_by_steps({"rbf", {}}));
  EXPECT_TRUE(learns_by_steps({"rbf", {{"train", "true"}}}));
  EXPECT_FALSE(learns_by_steps({"nobody", {}}) || is_fitted({"nobody", {}}));
}

// INI-08, INI-11 and REG-06, where a recipe sets them.
TEST(Layers, BiasesSparseWeightsAndVanillaDropoutAreOptions) {
  auto net = build_layers(
      {{"conv", {{"out", "4"}, {"bias", "0.01"}, {"init", "sparse"}}},
       {"dropout", {{"rate", "0.2"}, {"inverted", "false"}}},
       {"flatten", {}},
       {"linear", {{"out", "3"}, {"bias", "-0.5"}}}},
      {2, 2, 3});
  nn::initialize(*net, Key(1));
  const Tree p = nn::parameters(*net);
  for (float v : p.at("0.bias").to_vector()) EXPECT_EQ(v, 0.01f);
  for (float v : p.at("3.bias").to_vector()) EXPECT_EQ(v, -0.5f);
  const auto w = p.at("0.weight").to_vector();
  for (size_t o = 0; o < 4; ++o)
    EXPECT_EQ(std::count(w.begin() + int64_t(27 * o), w.begin() + int64_t(27 * (o + 1)), 0.f), 17);

  // At test time the vanilla form scales by what is kept.
  nn::assign(
      *net,
      {{"0.weight", ones({4, 3, 3, 3})},
       {"0.bias", zeros({4})},
       {"3.weight", ones({3, 16})},
       {"3.bias", zeros({3})}});
  nn::Ctx ctx;
  // Each of the 4 x 4 sums sees all 12 ones.
  EXPECT_NEAR(nn::forward(*net, ones({1, 2, 2, 3}), ctx).to_vector()[0], 0.8 * 16 * 12, 1e-3);
}

TEST(Layers, ErrorsNameTheLayerItsInputAndTheFix) {
  EXPECT_HAS(
      error_of({{"conv", {{"out", "4"}}}, {"convv", {}}}),
      "layer 1 (convv), whose input is (1, 16, 16, 4): unknown layer type \"convv\"; did you mean "
      "\"conv\"?");
  EXPECT_HAS(
      error_of({{"conv", {{"out", "4"}, {"kernal", "3"}}}}),
      "unknown option \"kernal\", conv takes out, kernel, stride, pad, dilation, groups, init, "
      "bias, norm, act; did you mean \"kernel\"?");
  EXPECT_HAS(
      error_of({{"conv", {{"out", "many"}}}}), "expected a number for \"out\", got \"many\"");
  EXPECT_HAS(error_of({{"conv", {{"out", "0"}}}}), "expected \"out\" of at least 1, got 0");
  EXPECT_HAS(
      error_of({{"conv", {}}}),
      "layer 0 (conv), whose input is (1, 16, 16, 3): expected an "
      "option \"out\"");
  EXPECT_HAS(
      error_of({{"linear", {{"out", "4"}}}}),
      "expected features (N, F), got (1, 16, 16, 3); put a flatten or global_pool layer before it");
  EXPECT_HAS(
      error_of({{"flatten", {}}, {"conv", {{"out", "4"}}}}),
      "layer 1 (conv), whose input is (1, 768): expected images (N, H, W, C)");
  EXPECT_HAS(error_of({{"max_pool", {{"kernel", "32"}}}}), "layer 0 (max_pool)");
  EXPECT_HAS(error_of({{"act", {{"kind", "rellu"}}}}), "did you mean \"relu\"?");
  EXPECT_HAS(
      error_of({{"norm", {{"kind", "lots"}}}}), "expected norm = batch, layer, instance, group");
  EXPECT_HAS(
      error_of({{"dropout", {{"channels", "yes"}}}}), "expected true or false for \"channels\"");
  EXPECT_HAS(error_of({{"dropout", {{"rate", "1.5"}}}}), "expected a rate in [0, 1)");
  EXPECT_HAS(error_of({{"conv", {{"out", "4"}, {"init", "he"}}}}), "unknown initialiser \"he\"");
  EXPECT_HAS(
      error_of({{"flatten", {}}, {"hierarchical_softmax", {{"out", "3"}, {"frequencies", "5,4"}}}}),
      "expected a frequency for each of 3 classes, got 2");
  EXPECT_HAS(error_of({}), "expected at least one layer");
}

TEST(Layers, ANetworkMustEndWithAScoreForEachClass) {
  EXPECT_HAS(
      message_of([] {
        build({.name = "layers", .input = {16, 16, 3}, .classes = 10, .layers = small});
      }),
      "[layers] expected scores (N, 10), one per class, got (1, 4); end with a linear layer with "
      "out = 10");
}

TEST(Architecture, GoesThroughJsonUnchanged) {
  Architecture list{.name = "layers", .input = {16, 16, 3}, .classes = 4, .layers = small};
  EXPECT_EQ(architecture_from_json(to_json(list)), list);
  Architecture named{.name = "resnet20", .input = {32, 32, 3}, .classes = 100};
  EXPECT_EQ(architecture_from_json(to_json(named)), named);
  EXPECT_EQ(to_json(named), R"({"name":"resnet20","input":[32,32,3],"classes":100})");
}

TEST(Architecture, RefusesJsonThatIsNotOne) {
  auto error = [](const char* json) { return message_of([&] { architecture_from_json(json); }); };
  EXPECT_HAS(error("{"), "[architecture] not the expected JSON");
  EXPECT_HAS(error("[]"), "[architecture] not the expected JSON");
  EXPECT_HAS(error(R"({"name":"lenet5","input":[28,28,1]})"), "classes");
  EXPECT_HAS(
      error(R"({"name":"lenet5","input":[28,28,-1],"classes":10})"), "input sides out of range");
  EXPECT_HAS(error(R"({"name":"lenet5","input":[28,28,1],"classes":0})"), "classes out of range");
  EXPECT_HAS(
      error(R"({"name":"layers","input":[8,8,1],"classes":2,"layers":[{"type":5}]})"),
      "[architecture] not the expected JSON");
  EXPECT_HAS(
      error(R"({"name":"layers","input":[1,1,1,1,1,1,1,1,1,1,1,1],"classes":2})"),
      "a shape has at most 8 axes");
}

}  // namespace
}  // namespace fovea::models
