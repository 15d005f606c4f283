#include "fovea/classic/rbf.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/classic/kmeans.h"
#include "fovea/models/layers.h"
#include "fovea/nn/load.h"
#include "fovea/ops/create.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::classic {
namespace {

using test::message_of;
using test::random_input;

TEST(Gaussians, FollowTheirFormula) {
  const Tensor x = Tensor::from<float>({1, 2, 0, 0, -1, 1}, {3, 2});
  const Tensor centres = Tensor::from<float>({1, 2, 0.5, -1}, {2, 2});
  const Tensor log_widths = Tensor::from<float>({0, float(std::log(2))}, {2});
  std::vector<double> expected;
  for (auto [narrow, wide] : {std::pair{0.0, 9.25}, {5.0, 1.25}, {5.0, 6.25}}) {
    expected.push_back(std::exp(-narrow / 2));
    expected.push_back(std::exp(-wide / 8));
  }
  test::check_op(
      {.name = "gaussians",
       .f = [](auto in) { return std::vector<Tensor>{gaussians(in[0], in[1], in[2])}; },
       .inputs = {x, centres, log_widths},
       .expected = {expected},
       .second = true});
}

TEST(Rbf, PutsCentresOnClustersAndWidthsOnTheirSpread) {
  const Tensor x = random_input({50, 3}, 4);
  Rbf layer({.in = 3, .units = 6, .width = 2});
  layer.fit({.x = x, .labels = zeros({50}, Dtype::i32), .classes = 1, .key = Key(7)});
  const Tree state = nn::state(layer);
  EXPECT_EQ(nn::count_parameters(layer), 0);
  const Clusters found = kmeans(x, {.clusters = 6, .key = Key(7).fold_in(1)});
  EXPECT_EQ(state.at("centres").to_vector(), found.centres.to_vector());
  for (float w : state.at("log_widths").to_vector())
    EXPECT_NEAR(w, std::log(2 * std::sqrt(found.error)), 1e-5);
}

TEST(Rbf, TrainsItsCentresWhereAsked) {
  auto net = models::build_layers(
      {{"flatten", {}}, {"rbf", {{"units", "5"}, {"train", "true"}}}}, {2, 2, 1});
  EXPECT_EQ(nn::count_parameters(*net), 5 * 4 + 5);
  EXPECT_HAS(
      message_of([] {
        models::build_layers({{"rbf", {{"units", "5"}}}}, {2, 2, 1});
      }),
      "put a flatten or global_pool layer before it");
  EXPECT_HAS(message_of([] { Rbf({.in = 3, .units = 2, .width = 0}); }), "a width above 0");
}

}  // namespace
}  // namespace fovea::classic
