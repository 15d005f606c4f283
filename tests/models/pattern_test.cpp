#include "fovea/models/pattern.h"

#include <gtest/gtest.h>

#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::models {
namespace {

using test::message_of;

std::string error_of(std::string_view pattern, const PatternOptions& o = {}) {
  return message_of([&] { expand_pattern(pattern, o); });
}

LayerSpec conv(const char* out, const char* act = "relu", const char* norm = "none") {
  return {"conv", {{"out", out}, {"norm", norm}, {"act", act}}};
}

const LayerSpec pool{"max_pool", {}}, flatten{"flatten", {}}, scores{"linear", {{"out", "10"}}};

TEST(Pattern, ExpandsIntoTheListOfLayers) {
  EXPECT_EQ(
      expand_pattern("[(conv-relu)*2-pool]*2-(fc-relu)*1", {}),
      (std::vector<LayerSpec>{
          conv("32"),
          conv("32"),
          pool,
          conv("64"),
          conv("64"),
          pool,
          flatten,
          {"linear", {{"out", "512"}, {"act", "relu"}}},
          scores}));
}

TEST(Pattern, StagesMayDifferAndHaveWidthsNormAndActivations) {
  PatternOptions o{.widths = {8, 16, 16}, .fc_widths = {30, 20}, .norm = "batch", .classes = 3};
  EXPECT_EQ(
      expand_pattern("[(CONV-ReLU)]-[ (conv-gelu) * 1 - pool ] * 2-(FC-tanh)*2-SOFTMAX", o),
      (std::vector<LayerSpec>{
          conv("8", "relu", "batch"),
          conv("16", "gelu", "batch"),
          pool,
          conv("16", "gelu", "batch"),
          pool,
          flatten,
          {"linear", {{"out", "30"}, {"act", "tanh"}}},
          {"linear", {{"out", "20"}, {"act", "tanh"}}},
          {"linear", {{"out", "3"}}}}));
}

// Every N and K of the pattern, with and without pooling and softmax, and widths up to 512.
TEST(Pattern, AcceptsAllNumbersOfLayers) {
  for (int n = 1; n <= 5; ++n)
    for (int k = 0; k <= 2; ++k)
      for (const char* p : {"", "-pool"}) {
        auto layers = expand_pattern(
            "[(conv-relu)*" + std::to_string(n) + p + "]*7-(fc-relu)*" + std::to_string(k) +
                "-softmax",
            {});
        EXPECT_EQ(layers.size(), size_t(7 * (n + (*p ? 1 : 0)) + 1 + k + 1));
        EXPECT_EQ(layers[size_t(6 * (n + (*p ? 1 : 0)))].options.at("out"), "512");
      }
  EXPECT_EQ(
      expand_pattern("[(conv-relu)]", {}), (std::vector<LayerSpec>{conv("32"), flatten, scores}));
  EXPECT_EQ(expand_pattern("[(conv-relu)]-softmax", {}).size(), 3u);
}

TEST(Pattern, TheListBuilds) {
  auto layers = expand_pattern("[(conv-relu)*2-pool]*3-(fc-relu)*1", {.norm = "batch"});
  auto net = build({.name = "layers", .input = {32, 32, 3}, .classes = 10, .layers = layers});
  // Convolutions without bias, scale and shift of each norm, and the two linear layers.
  EXPECT_EQ(
      nn::count_parameters(*net),
      9 * (3 * 32 + 32 * 32 + 32 * 64 + 64 * 64 + 64 * 128 + 128 * 128) + 2 * 2 * (32 + 64 + 128) +
          (128 * 16 + 1) * 512 + 513 * 10);
}

TEST(Pattern, ErrorsShowThePlace) {
  EXPECT_HAS(error_of(""), "[pattern] expected \"[\" at character 1 of \"\", got its end");
  EXPECT_HAS(
      error_of("[(conv-relu)*6-pool]"),
      "expected a number from 1 to 5 at character 14 of \"[(conv-relu)*6-pool]\", got \"6-pool]\"");
  EXPECT_HAS(error_of("[(conv-relu)*0]"), "expected a number from 1 to 5 at character 14");
  EXPECT_HAS(error_of("[(conv-relu)*]"), "expected a number from 1 to 5 at character 14");
  EXPECT_HAS(error_of("[(conv-relu)]*99999999999999"), "expected a number from 1 to 20");
  EXPECT_HAS(error_of("[(conv-relu)]-(fc-relu)*3"), "expected a number from 0 to 2");
  EXPECT_HAS(
      error_of("[(conv-rellu)]"),
      "expected an activation such as \"relu\" at character 8 of \"[(conv-rellu)]\", got "
      "\"rellu)]\"; did you mean \"relu\"?");
  EXPECT_HAS(error_of("[(conv-relu)-pol]"), "expected \"pool\" at character 14");
  EXPECT_HAS(error_of("[(conv-relu)"), "expected \"]\" at character 13");
  EXPECT_HAS(error_of("[(conv-relu]"), "expected \")\" at character 12");
  EXPECT_HAS(error_of("(fc-relu)*2"), "expected \"[\" at character 1");
  EXPECT_HAS(error_of("[(conv-relu)]-softmax-(fc-relu)"), "expected \"-\" or the end");
  EXPECT_HAS(
      error_of("[(conv-relu)]-(fc-relu)-[(conv-relu)]"), "expected \"softmax\" at character 25");
  EXPECT_HAS(error_of("[(conv-relu)]-"), "expected \"(fc-\" or \"softmax\" at character 15");
  EXPECT_HAS(
      error_of("[(conv-relu)*2-pool]*2-fc"),
      "expected \"(fc-\" or \"softmax\" at character 24 of \"[(conv-relu)*2-pool]*2-fc\", got "
      "\"fc\"");
  EXPECT_HAS(
      error_of("[(conv-relu)]*3", {.widths = {8, 16}}),
      "[pattern] expected one number or 3 for the widths of the stages, got 2");
  EXPECT_HAS(
      error_of("[(conv-relu)]", {.fc_widths = {8, 16}}),
      "0 for the widths of the fc layers, got 2");
  EXPECT_HAS(
      error_of("[(conv-relu)]", {.widths = {0}}),
      "expected widths of the stages of at least 1, got 0");
}

}  // namespace
}  // namespace fovea::models
