#include "fovea/backend/conv_route.h"

#include <gtest/gtest.h>

#include "fovea/backend/cpu/implementation.h"
#include "fovea/core/device.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using cpu::ConvPass;
using cpu::ConvRoute;

ConvExtents layer(int64_t batch, int64_t size, int64_t in, int64_t out) {
  return {
      {batch, size, size, in}, {out, 3, 3, in}, {batch, size, size, out}, {.pad = {1, 1, 1, 1}}};
}

TEST(ConvRoute, LayersOfResidualNetworksTakeLargeTiles) {
  for (ConvPass pass : {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights})
    for (const ConvExtents& e :
         {layer(32, 32, 64, 64),
          layer(32, 16, 128, 128),
          layer(32, 8, 256, 256),
          layer(32, 4, 512, 512),
          layer(4, 14, 512, 512),
          layer(4, 7, 512, 512)})
      EXPECT_EQ(conv_route(pass, e), ConvRoute::winograd4) << e.h << " x " << e.in;
}

TEST(ConvRoute, SmallTilesWhereLargeOnesHangOverAndChannelsAreMany) {
  EXPECT_EQ(conv_route(ConvPass::forward, layer(32, 2, 64, 64)), ConvRoute::winograd2);
  EXPECT_EQ(conv_route(ConvPass::forward, layer(64, 6, 64, 64)), ConvRoute::winograd2);
  EXPECT_EQ(conv_route(ConvPass::forward, layer(32, 32, 16, 16)), ConvRoute::winograd4);
  EXPECT_EQ(conv_route(ConvPass::backward_weights, layer(1, 14, 256, 256)), ConvRoute::winograd2);
}

TEST(ConvRoute, TheLibraryWhereThereIsLittleToSave) {
  EXPECT_EQ(conv_route(ConvPass::forward, layer(64, 32, 3, 64)), ConvRoute::library);
  EXPECT_EQ(conv_route(ConvPass::forward, layer(64, 32, 8, 64)), ConvRoute::library);
  EXPECT_EQ(conv_route(ConvPass::forward, layer(64, 2, 16, 16)), ConvRoute::library);
  EXPECT_EQ(conv_route(ConvPass::forward, layer(1, 4, 512, 512)), ConvRoute::library);
  EXPECT_EQ(conv_route(ConvPass::backward_weights, layer(1, 7, 512, 512)), ConvRoute::library);
  ConvExtents strided = layer(4, 28, 64, 64);
  strided.down.stride = 2;
  EXPECT_EQ(conv_route(ConvPass::forward, strided), ConvRoute::library);
}

TEST(ConvRoute, OurOwnSumsForFewChannels) {
  EXPECT_EQ(conv_route(ConvPass::backward_weights, layer(64, 32, 3, 16)), ConvRoute::direct);
  EXPECT_EQ(conv_route(ConvPass::backward_data, layer(64, 32, 3, 16)), ConvRoute::library);
  const ConvExtents e({64, 28, 28, 1}, {6, 5, 5, 1}, {64, 24, 24, 6}, {});
  EXPECT_EQ(conv_route(ConvPass::forward, e), ConvRoute::direct);
  EXPECT_EQ(conv_route(ConvPass::forward, e, true), ConvRoute::direct);
}

TEST(ConvRoute, PreparedWeightsCostLess) {
  const ConvExtents e({1, 4, 6, 64}, {64, 3, 3, 64}, {1, 4, 6, 64}, {.pad = {1, 1, 1, 1}});
  EXPECT_EQ(conv_route(ConvPass::forward, e), ConvRoute::library);
  EXPECT_EQ(conv_route(ConvPass::forward, e, true), ConvRoute::winograd2);
}

// Through the ops, and so through whichever kernel the rule names.
TEST(ConvRoute, RoutedConvolutionsAgreeWithReference) {
  struct Case {
    Shape x;
    int64_t filters;
    std::array<int, 4> pad;
    std::string forward;
  };
  const Case cases[] = {
      {{3, 13, 11, 33}, 35, {1, 1, 1, 1}, "fovea:winograd4"},
      {{2, 9, 15, 16}, 40, {0, 2, 2, 0}, "fovea:winograd4"},
      {{17, 2, 2, 24}, 37, {1, 1, 1, 1}, "fovea:winograd2"},
  };
  const int before = threads();
  for (int count : {1, 3}) {
    set_threads(count);
    for (const Case& c : cases) {
      const Conv2dOptions o{.pad = c.pad};
      const Shape w{c.filters, 3, 3, c.x[3]};
      std::vector<Tensor> inputs{
          test::random_input(c.x, 1), test::random_input(w, 2), test::random_input({c.filters}, 3)};
      EXPECT_EQ(cpu::conv_implementation(ConvFwd(o), inputs), c.forward);
      for (bool relu : {false, true})
        test::check_op(
            {.name = c.x.str() + (relu ? " relu" : ""),
             .f =
                 [&](std::span<const Tensor> in) {
                   return std::vector<Tensor>{
                       relu ? conv2d_relu(in[0], in[1], in[2], o) : conv2d(in[0], in[1], in[2], o)};
                 },
             .inputs = inputs,
             .tolerance = 1e-5,
             .gradient = false});
    }
  }
  set_threads(before);
}

}  // namespace
}  // namespace fovea
