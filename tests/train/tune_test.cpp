#include "fovea/train/tune.h"

#include <gtest/gtest.h>

#include "fovea/backend/instruction_set.h"
#include "fovea/core/errors.h"
#include "fovea/models/registry.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::train {
namespace {

using cpu::ConvPass;
using cpu::ConvRoute;

class TuneTest : public test::FolderTest {
 protected:
  ~TuneTest() override { cpu::use_conv_rule({}); }

  static models::Model resnet20() {
    models::Model m;
    m.architecture = {.name = "resnet20", .input = {8, 8, 3}, .classes = 10, .layers = {}};
    m.net = models::build(m.architecture);
    nn::initialize(*m.net, Key(1));
    return m;
  }

  static TunedRule rule() {
    const cpu::ConvPlace place{ConvPass::backward_data, false, 32, 8, 9, 16, 8, 9, 24};
    const cpu::ConvPlace other{ConvPass::forward, true, 1, 7, 7, 64, 7, 7, 64};
    return {cpu::arithmetic(), 2, {{place, ConvRoute::library}, {other, ConvRoute::winograd2}}};
  }
};

TEST_F(TuneTest, MeasuresTheConvolutionsOfInferenceWithPreparedWeights) {
  models::Model m = resnet20();
  size_t heard = 0;
  const auto convs = tune(m, {.batch = 2, .rounds = 1}, [&](size_t, size_t) { ++heard; });
  // Pictures to 16 channels, then one place in each of the three stages.
  ASSERT_EQ(convs.size(), 4u);
  EXPECT_EQ(heard, 4u);
  for (const TunedConv& c : convs) {
    EXPECT_EQ(c.place.pass, ConvPass::forward);
    EXPECT_TRUE(c.place.prepared);
    EXPECT_EQ(c.place.n, 2);
    for (double s : c.seconds) EXPECT_GT(s, 0);
    EXPECT_GE(c.gain(), 1);
  }
  EXPECT_HAS(tuning_text(convs), "(2, 8, 8, 16)");
}

TEST_F(TuneTest, MeasuresAllPassesOfATrainingStep) {
  models::Model m = resnet20();
  std::map<ConvPass, int> passes;
  for (const TunedConv& c : tune(m, {.training = true, .batch = 2, .rounds = 1}))
    ++passes[c.place.pass];
  EXPECT_EQ(passes[ConvPass::forward], 4);
  EXPECT_EQ(passes[ConvPass::backward_weights], 3);  // sums over three channels have one way
  EXPECT_EQ(passes[ConvPass::backward_data], 3);     // nobody wants the gradient of the pictures
}

TEST_F(TuneTest, KeepsExceptionsThatGainAndForgetsOthers) {
  TunedConv better, same;
  better.place.n = 1, same.place.n = 2;
  better.seconds = {1, 2, 3}, same.seconds = {1, 2, 3};
  better.fixed = ConvRoute::winograd4, better.best = ConvRoute::library;
  same.fixed = same.best = ConvRoute::library;
  EXPECT_EQ(better.gain(), 3);
  TunedRule rule;
  rule.exceptions[same.place] = ConvRoute::winograd2;
  apply({better, same}, rule);
  EXPECT_EQ(
      rule.exceptions, (std::map<cpu::ConvPlace, ConvRoute>{{better.place, ConvRoute::library}}));
}

TEST_F(TuneTest, ARuleIsReadAsItWasWritten) {
  write_tuned_rule(path("rule.json"), rule());
  const TunedRule got = read_tuned_rule(path("rule.json"));
  EXPECT_EQ(got.arithmetic, rule().arithmetic);
  EXPECT_EQ(got.threads, 2);
  EXPECT_EQ(got.exceptions, rule().exceptions);
  const std::string before = cpu::arithmetic();
  use_tuned_rule(path("rule.json"));
  EXPECT_EQ(cpu::conv_rule_in_use().exceptions, rule().exceptions);
  EXPECT_EQ(cpu::arithmetic(), before + ", tuned " + cpu::conv_rule_in_use().name);
}

TEST_F(TuneTest, ARuleOfAnotherMachineIsRefused) {
  TunedRule other = rule();
  other.arithmetic = "AVX9, oneDNN 2.6.3, convolution rule 1";
  write_tuned_rule(path("rule.json"), other);
  const std::string message = test::message_of([&] { use_tuned_rule(path("rule.json")); });
  EXPECT_HAS(message, "rule.json");
  EXPECT_HAS(message, "was measured with AVX9");
  EXPECT_HAS(message, "fovea tune");
  EXPECT_TRUE(cpu::conv_rule_in_use().exceptions.empty());
}

TEST_F(TuneTest, WhatIsNoRuleIsRefused) {
  write_tuned_rule(path("good.json"), rule());
  const std::string good = read("good.json");
  auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const std::string& text :
       {std::string(),
        std::string("{}"),
        std::string("[1, 2]"),
        good.substr(0, good.size() / 2),
        with("fovea convolution rule", "something else"),
        with("winograd2", "winograd9"),
        with("backward_data", "sideways"),
        with("\"threads\": 2", "\"threads\": \"two\"")}) {
    write("bad.json", text);
    EXPECT_THROW(read_tuned_rule(path("bad.json")), IoError) << text;
  }
  EXPECT_THROW(read_tuned_rule(path("none.json")), IoError);
}

}  // namespace
}  // namespace fovea::train
