// GoogLeNet's tables, and the auxiliary heads of the inception networks.
#include <gtest/gtest.h>

#include "fovea/models/googlenet.h"
#include "fovea/models/summary.h"

namespace fovea::models {
namespace {

std::unique_ptr<nn::Module> make(std::string_view name) {
  const Entry& e = find(name);
  return e.make({.classes = e.classes, .input = e.input});
}

// Elements of the parameters whose name begins so; with `ending`, of those that end so.
int64_t count(nn::Module& net, std::string_view beginning, std::string_view ending = "") {
  int64_t n = 0;
  for (const auto& [key, t] : nn::parameters(net))
    if (key.starts_with(beginning) && key.ends_with(ending)) n += t.numel();
  return n;
}

// Szegedy et al. 2015, table 1, with the column of pooling projections that the course's copy lost
// (E-65) and the weights that follow from its widths (E-66, AC-34, AC-35).
TEST(GoogLeNet, HasTheModulesOfThePaper) {
  struct Row {
    const char* name;
    const char* output;
    int64_t weights;
  };
  const Row expected[] = {
      {"inception3a", "(1, 28, 28, 256)", 163'328},
      {"inception3b", "(1, 28, 28, 480)", 388'096},
      {"inception4a", "(1, 14, 14, 512)", 375'552},
      {"inception4b", "(1, 14, 14, 512)", 448'512},
      {"inception4c", "(1, 14, 14, 512)", 509'440},
      {"inception4d", "(1, 14, 14, 528)", 604'672},
      {"inception4e", "(1, 14, 14, 832)", 867'328},
      {"inception5a", "(1, 7, 7, 832)", 1'042'432},
      {"inception5b", "(1, 7, 7, 1024)", 1'442'816}};
  auto net = make("googlenet_paper");
  nn::Ctx ctx;
  for (const Row& row : expected) ctx.wanted_taps.emplace_back(row.name);
  nn::forward(*net, nn::shaped({1, 224, 224, 3}), ctx);
  for (const Row& row : expected) {
    EXPECT_EQ(ctx.taps.at(row.name).shape().str(), row.output) << row.name;
    EXPECT_EQ(count(*net, row.name, ".weight"), row.weights) << row.name;
  }
  EXPECT_EQ(count(*net, "conv1", ".weight"), 9'408);  // E-64
  EXPECT_EQ(count(*net, "conv2", ".weight") + count(*net, "conv3", ".weight"), 114'688);
}

// Without the auxiliary heads (E-67, and torchvision's figures).
TEST(GoogLeNet, MainBranchesHaveTheKnownNumbersOfParameters) {
  auto main_branch = [](const char* name, std::string_view ending = "") {
    auto net = make(name);
    return count(*net, "", ending) - count(*net, "aux", ending) - count(*net, "AuxLogits", ending);
  };
  EXPECT_EQ(main_branch("googlenet_paper", ".weight"), 6'990'272);
  EXPECT_EQ(main_branch("googlenet_paper"), 6'998'552);
  EXPECT_EQ(main_branch("googlenet"), 6'624'904);
  EXPECT_EQ(main_branch("inception_v3"), 23'834'568);
}

// The naive module of the course (NET-10): the pooling keeps 256 channels, and the wide
// convolutions see them all. 784 pixels times 128 * 256 + 192 * 9 * 256 + 96 * 25 * 256
// multiply-adds, against 64 channels before each wide convolution and behind the pooling.
TEST(GoogLeNet, BottlenecksSaveWhatTheNaiveModuleCosts) {
  auto output_of = [](const nn::Module& module) {
    nn::Ctx ctx;
    return nn::forward(module, nn::shaped({1, 28, 28, 256}), ctx).shape().str();
  };
  auto naive = inception_module({.in = 256, .widths = {.one = 128, .three = 192, .five = 96}});
  EXPECT_EQ(summarize(*naive, {28, 28, 256}).macs, 854'196'224);
  EXPECT_EQ(output_of(*naive), "(1, 28, 28, 672)");
  auto cheap = inception_module(
      {.in = 256,
       .widths = {.one = 128, .reduce3 = 64, .three = 192, .reduce5 = 64, .five = 96, .proj = 64}});
  EXPECT_EQ(summarize(*cheap, {28, 28, 256}).macs, 271'351'808);
  EXPECT_EQ(output_of(*cheap), "(1, 28, 28, 480)");
}

TEST(AuxiliaryHeads, RunInTrainingOnly) {
  for (auto [name, heads] :
       {std::pair{"googlenet", 2u}, {"googlenet_paper", 2u}, {"inception_v3", 1u}}) {
    const Entry& e = find(name);
    auto net = e.make({.classes = 7, .input = e.input});
    const Tensor x = nn::shaped({3, e.input[0], e.input[1], 3});
    nn::Ctx ctx;
    nn::forward(*net, x, ctx);
    EXPECT_TRUE(ctx.auxiliary.empty()) << name;
    ctx.training = true;
    nn::forward(*net, x, ctx);
    ASSERT_EQ(ctx.auxiliary.size(), heads) << name;
    for (const nn::AuxiliaryScores& a : ctx.auxiliary) {
      EXPECT_EQ(a.scores.shape().str(), "(3, 7)") << name;
      EXPECT_EQ(a.weight, 0.3) << name;
    }
  }
}

}  // namespace
}  // namespace fovea::models
