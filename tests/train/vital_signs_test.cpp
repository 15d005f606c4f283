#include "fovea/train/vital_signs.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/norm.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"

namespace fovea::train {
namespace {

struct Net {
  nn::Sequential net;
  explicit Net(const char* act) {
    net.add(std::make_unique<nn::Linear>(nn::Linear::Options{.in = 4, .out = 8}));
    net.add(std::make_unique<nn::BatchNorm>(nn::BatchNorm::Options{.channels = 8}));
    net.add(std::make_unique<nn::Activation>(act));
    nn::initialize(net, Key(1));
  }
};

const Tensor images = test::random_input({40, 4}, 1);

TEST(VitalSigns, CountsUnitsThatAreDeadForTheWholeBatch) {
  Net n("relu");
  EXPECT_EQ(look_at_layers(n.net, images).activations.at(0).dead, 0);
  Tensor bias = zeros({8}).eval();
  for (int i : {1, 4, 6}) bias.mutable_data<float>()[size_t(i)] = -100;
  nn::assign(n.net, {{"1.bias", bias}});
  const Activation a = look_at_layers(n.net, images).activations.at(0);
  EXPECT_EQ(a.path, "2");
  EXPECT_EQ(a.op, "relu");
  EXPECT_DOUBLE_EQ(a.dead, 3.0 / 8);
  EXPECT_EQ(a.saturated, 0);
}

TEST(VitalSigns, CountsValuesAtTheEndsOfTheirRange) {
  Net n("tanh");
  EXPECT_LT(look_at_layers(n.net, images).activations.at(0).saturated, 0.1);
  nn::assign(n.net, {{"1.bias", full({8}, 50)}});
  EXPECT_EQ(look_at_layers(n.net, images).activations.at(0).saturated, 1);
  Net s("sigmoid");
  nn::assign(s.net, {{"1.bias", full({8}, -50)}});
  EXPECT_EQ(look_at_layers(s.net, images).activations.at(0).saturated, 1);
}

TEST(VitalSigns, MeasuresHowFarRunningStatisticsLieOff) {
  Net n("relu");
  // Statistics of the batch itself, as a momentum of 1 would leave them.
  nn::Ctx at_once;
  at_once.training = true;
  nn::forward(n.net, images, at_once);
  const Tensor mean = at_once.updates.at("1.running_mean") * 10.0;  // old mean 0, momentum 0.1
  const Tensor var = (at_once.updates.at("1.running_var") - 0.9) * (10.0 * 39 / 40);
  nn::assign(n.net, {{"1.running_mean", mean.eval()}, {"1.running_var", var.eval()}});
  const NormDrift none = look_at_layers(n.net, images).drifts.at(0);
  EXPECT_LT(none.mean, 1e-3);
  EXPECT_LT(none.log_var, 1e-3);
  nn::assign(
      n.net,
      {{"1.running_mean", (mean + 2 * sqrt(var)).eval()}, {"1.running_var", (var * 1.0).eval()}});
  EXPECT_NEAR(look_at_layers(n.net, images).drifts.at(0).mean, 2, 1e-2);
  nn::assign(n.net, {{"1.running_var", (var * std::exp(3.0)).eval()}});
  EXPECT_NEAR(look_at_layers(n.net, images).drifts.at(0).log_var, 3, 1e-2);
  // One that is frozen runs by its own statistics.
  EXPECT_TRUE(look_at_layers(n.net, images, {.modules = {"1"}}).drifts.empty());
}

TEST(VitalSigns, GivesTheRatioOfAnUpdateToItsWeight) {
  const Tree before{
      {"w", Tensor::from<float>({3, 4}, {1, 2})},
      {"still", Tensor::from<float>({1, 1}, {1, 2})},
      {"zero", zeros({1, 2}).eval()},
      {"b", Tensor::from<float>({1, 1}, {2})}};
  Tree after = before;
  after["w"] = Tensor::from<float>({3.03f, 4.04f}, {1, 2});
  after["zero"] = Tensor::from<float>({1, 1}, {1, 2});
  after["b"] = Tensor::from<float>({2, 2}, {2});
  const auto ratios = update_ratios(before, after);
  ASSERT_EQ(ratios.size(), 1u);
  EXPECT_NEAR(ratios.at("w"), 0.01, 1e-5);
}

TEST(VitalSigns, LooksAtFewSteps) {
  auto looks = [](int64_t steps) {
    Net n("relu");
    const VitalSigns signs(n.net, steps);
    int64_t count = 0;
    for (int64_t step = 1; step <= steps; ++step) count += signs.due(step);
    return count;
  };
  EXPECT_EQ(looks(1), 1);
  EXPECT_EQ(looks(10), 2);
  EXPECT_EQ(looks(99), 2);
  EXPECT_EQ(looks(100), 2);
  EXPECT_EQ(looks(120), 3);
  EXPECT_EQ(looks(5000), 20);
  EXPECT_EQ(looks(5001), 20);
}

}  // namespace
}  // namespace fovea::train
