#include "fovea/backend/conv_rule.h"

#include <gtest/gtest.h>

#include "fovea/backend/conv_timing.h"
#include "fovea/backend/cpu/implementation.h"
#include "fovea/backend/instruction_set.h"
#include "tests/support/check_op.h"

namespace fovea::cpu {
namespace {

ConvExtents layer(int64_t batch, int64_t size, int64_t in, int64_t out, int kernel = 3) {
  return {
      {batch, size, size, in},
      {out, kernel, kernel, in},
      {batch, size, size, out},
      {.pad = {kernel / 2, kernel / 2, kernel / 2, kernel / 2}}};
}

class ConvRuleTest : public testing::Test {
 protected:
  ~ConvRuleTest() override { use_conv_rule({}); }
};

TEST_F(ConvRuleTest, ExceptionsWinOverTheFixedRuleAtTheirPlaceAlone) {
  const ConvExtents e = layer(32, 32, 64, 64);
  const std::string before = arithmetic();
  use_conv_rule({"abc", {{place_of(ConvPass::forward, e, false), ConvRoute::library}}});
  EXPECT_EQ(conv_route(ConvPass::forward, e), ConvRoute::library);
  EXPECT_EQ(conv_route(ConvPass::forward, e, true), ConvRoute::winograd4);
  EXPECT_EQ(conv_route(ConvPass::backward_data, e), ConvRoute::winograd4);
  EXPECT_EQ(conv_route(ConvPass::forward, layer(16, 32, 64, 64)), ConvRoute::winograd4);
  EXPECT_EQ(arithmetic(), before + ", tuned abc");
  use_conv_rule({});
  EXPECT_EQ(conv_route(ConvPass::forward, e), ConvRoute::winograd4);
  EXPECT_EQ(arithmetic(), before);
}

TEST_F(ConvRuleTest, WhatHasOneRouteKeepsIt) {
  const ConvExtents e = layer(2, 8, 32, 32, 1);
  use_conv_rule({"abc", {{place_of(ConvPass::forward, e, false), ConvRoute::winograd4}}});
  EXPECT_EQ(conv_route(ConvPass::forward, e), ConvRoute::library);
}

TEST_F(ConvRuleTest, TheRecorderKeepsEachPlaceOnce) {
  const ConvExtents e = layer(2, 8, 4, 4);
  ConvRecorder recorder;
  conv_route(ConvPass::forward, e);
  conv_route(ConvPass::forward, e);
  conv_route(ConvPass::forward, e, true);
  conv_route(ConvPass::forward, layer(2, 8, 4, 4, 5));
  EXPECT_EQ(recorder.places().size(), 2u);
}

TEST_F(ConvRuleTest, EveryRouteIsTimedAndGivesTheSameConvolution) {
  const ConvExtents e = layer(2, 7, 5, 9);
  for (ConvPass pass : {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights})
    for (bool prepared : {false, true}) {
      if (prepared && pass != ConvPass::forward) continue;
      for (double seconds : time_conv_routes(place_of(pass, e, prepared), e, 1)) {
        EXPECT_GT(seconds, 0);
        EXPECT_LT(seconds, 1);
      }
    }
  for (ConvRoute route : conv_routes) {
    use_conv_rule({"abc", {{place_of(ConvPass::forward, e, false), route}}});
    const std::vector<Tensor> inputs{
        test::random_input({2, 7, 7, 5}, 1), test::random_input({9, 3, 3, 5}, 2)};
    const Conv2dOptions o{.pad = {1, 1, 1, 1}};
    if (route != ConvRoute::library) {
      EXPECT_EQ(conv_implementation(ConvFwd(o), inputs), "fovea:" + std::string(name_of(route)));
    }
    test::check_op(
        {.name = std::string(name_of(route)),
         .f =
             [&](std::span<const Tensor> in) {
               return std::vector<Tensor>{conv2d(in[0], in[1], o)};
             },
         .inputs = inputs,
         .tolerance = 1e-5,
         .gradient = false});
  }
}

}  // namespace
}  // namespace fovea::cpu
