#include "fovea/train/signals.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "fovea/models/architecture.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

std::unique_ptr<nn::Module> network(const std::string& act) {
  auto net = models::build(
      {.name = "layers",
       .input = {1, 1, 4},
       .classes = 3,
       .layers = {
           {"flatten", {}}, {"linear", {{"out", "5"}, {"act", act}}}, {"linear", {{"out", "3"}}}}});
  nn::initialize(*net, Key(3));
  return net;
}

data::Batch batch() {
  return {
      .images = test::random_input({6, 1, 1, 4}, 1),
      .labels = Tensor::from<int32_t>({0, 1, 2, 0, 1, 2}, {6})};
}

double loss_of(nn::Module& net, const data::Batch& b) { return signals_of(net, b).loss; }

TEST(Signals, GradientsOfWeightsAreThoseOfTheLoss) {
  auto net = network("tanh");
  const data::Batch b = batch();
  const Signals s = signals_of(*net, b);
  ASSERT_EQ(s.activations.size(), 2u);
  EXPECT_EQ(s.activations[0].op, "tanh");
  EXPECT_EQ(s.activations[1].name, "scores");
  ASSERT_EQ(s.weights.size(), 2u);
  // One weight moved by a little moves the loss by its gradient.
  Tree parameters = nn::parameters(*net);
  std::vector<float> w = parameters.at(s.weights[0].name).to_vector();
  const double g = s.weights[0].gradient.to_vector()[2], h = 1e-2;
  const auto shifted = [&](double by) {
    std::vector<float> moved = w;
    moved[2] += float(by);
    nn::assign(
        *net, {{s.weights[0].name, Tensor::from<float>(moved, s.weights[0].values.shape())}});
    return loss_of(*net, b);
  };
  EXPECT_NEAR((shifted(h) - shifted(-h)) / (2 * h), g, 1e-4);
}

// The gradient of the mean loss with respect to scores is (softmax - truth) / N.
TEST(Signals, GradientOfTheScores) {
  auto net = network("relu");
  const data::Batch b = batch();
  const LayerSignal scores = signals_of(*net, b).activations.back();
  const auto z = scores.values.to_vector(), g = scores.gradient.to_vector();
  for (size_t i = 0; i < 6; ++i) {
    double sum = 0;
    for (size_t c = 0; c < 3; ++c) sum += std::exp(z[i * 3 + c]);
    for (size_t c = 0; c < 3; ++c) {
      const double p = std::exp(z[i * 3 + c]) / sum;
      EXPECT_NEAR(g[i * 3 + c], (p - (c == i % 3)) / 6, 1e-6);
    }
  }
}

// Convolution, batch norm and ReLU in one layer: the ReLU is inside the norm's op.
TEST(Signals, FindsTheReluInsideABatchNormAndLeavesNoTrace) {
  const Recipe recipe(small_recipe("unused"));
  train::Setup setup = set_up(recipe);
  Tree before = nn::state(*setup.model.net);
  const data::Batch b = sample_batch(recipe, setup, 30);
  EXPECT_EQ(b.size(), 30);
  const Signals s = signals_of(*setup.model.net, b);
  ASSERT_EQ(s.activations.size(), 2u);
  EXPECT_EQ(s.activations[0].op, "relu");
  const SignalStats stats = stats_of(s.activations[0]);
  EXPECT_NEAR(stats.zero, 0.5, 0.2);  // half of a standard normal
  EXPECT_EQ(fingerprint(nn::state(*setup.model.net)), fingerprint(before));
  // What is frozen has no gradients, and no statistics of its own.
  const Frozen frozen = freeze_modules(*setup.model.net, {"0"});
  const Signals still = signals_of(*setup.model.net, b, {.frozen = &frozen});
  EXPECT_EQ(still.weights.size(), s.weights.size() - 1);
}

TEST(Signals, WeightsComeInTheOrderOfTheirUse) {
  auto net = models::build({.name = "convnet", .input = {8, 8, 1}, .classes = 3, .layers = {}});
  nn::initialize(*net, Key(1));
  const data::Batch b{
      .images = test::random_input({2, 8, 8, 1}, 1), .labels = Tensor::from<int32_t>({0, 1}, {2})};
  const Signals s = signals_of(*net, b);
  ASSERT_EQ(s.weights.size(), 7u);
  EXPECT_EQ(s.weights.front().name, "stage1.0.conv.weight");
  EXPECT_EQ(s.weights.back().name, "fc.weight");
  // Of many, the first and the last stay.
  const Signals few = signals_of(*net, b, {.most = 2});
  ASSERT_EQ(few.weights.size(), 2u);
  EXPECT_EQ(few.weights.back().name, "fc.weight");
  EXPECT_EQ(few.activations.front().name, "stage1.0.bn");
}

LayerSignal signal(const std::string& op, const std::vector<float>& values, const Shape& shape) {
  const Tensor t = Tensor::from<float>(values, shape);
  return {"a", op, t, t};
}

TEST(SignalStats, CountsWhatDiedAndSaturated) {
  SignalStats s = stats_of(signal("relu", {0, 1, 0, 0, 0, 3, 0, 0}, {2, 4}));
  EXPECT_DOUBLE_EQ(s.dead, 0.75);  // only the second of four channels lives
  EXPECT_DOUBLE_EQ(s.zero, 0.75);
  EXPECT_DOUBLE_EQ(s.mean, 0.5);
  EXPECT_NEAR(s.std, std::sqrt(10.0 / 8 - 0.25), 1e-12);
  s = stats_of(signal("tanh", {-0.999f, 0.5f, 0.98f, 0.995f}, {1, 4}));
  EXPECT_DOUBLE_EQ(s.saturated, 0.5);
  s = stats_of(signal("sigmoid", {0.001f, 0.5f, 0.5f, 0.5f}, {1, 4}));
  EXPECT_DOUBLE_EQ(s.saturated, 0.25);
  EXPECT_EQ(s.dead, 0);
}

TEST(SignalStats, HistogramsHoldAllThatIsNotZero) {
  std::vector<float> values;
  for (int i = 0; i < 4000; ++i) values.push_back(i % 2 ? float(i) / 4000 : 0.f);
  const SignalStats s = stats_of(signal("", values, {4000}));
  EXPECT_NEAR(std::accumulate(s.values.shares.begin(), s.values.shares.end(), 0.0), 1, 1e-9);
  EXPECT_EQ(s.values.low, 0);
  EXPECT_NEAR(s.values.high, 0.998, 2e-3);
  for (double share : s.values.shares) EXPECT_NEAR(share, 1.0 / histogram_bins, 2e-3);
  // Gradients by size: all between 1e-4 and 1.
  const double width = (gradient_high - gradient_low) / histogram_bins;
  for (int b = 0; b < histogram_bins; ++b) {
    const double from = gradient_low + b * width;
    if (from > 0 || from + width < -4) {
      EXPECT_EQ(s.gradient.shares[size_t(b)], 0);
    }
  }
  EXPECT_TRUE(stats_of(signal("", {0, 0}, {2})).values.shares.empty());
  EXPECT_LT(stats_of(signal("", {3, 3}, {2})).values.low, 3);
}

TEST(SignalStats, ResamplingKeepsSharesAndPlaces) {
  Histogram h{0, 1, std::vector<double>(histogram_bins, 1.0 / histogram_bins)};
  const std::vector<double> wide = resampled(h, -1, 3, 8);
  EXPECT_NEAR(std::accumulate(wide.begin(), wide.end(), 0.0), 1, 1e-9);
  EXPECT_NEAR(wide[2], 0.5, 1e-9);  // [0, 0.5)
  EXPECT_NEAR(wide[3], 0.5, 1e-9);
  EXPECT_NEAR(wide[1] + wide[4], 0, 1e-9);
  EXPECT_EQ(spread(5, 10), (std::vector<size_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(spread(100, 3), (std::vector<size_t>{0, 49, 99}));
  EXPECT_TRUE(spread(0, 3).empty());
}

TEST(Signals, MeasureHowFarRunningStatisticsLieOff) {
  auto net = models::build(
      {.name = "layers",
       .input = {1, 1, 4},
       .classes = 3,
       .layers = {
           {"flatten", {}}, {"linear", {{"out", "8"}}}, {"norm", {}}, {"linear", {{"out", "3"}}}}});
  nn::initialize(*net, Key(3));
  const data::Batch b = batch();
  std::string name;
  for (const auto& [key, t] : nn::state(*net))
    if (key.ends_with(".running_mean")) name = key.substr(0, key.rfind('.'));
  // Statistics of the batch itself: running ones begin at 0 and 1 and move by a tenth.
  nn::Ctx at_once;
  at_once.training = true;
  nn::forward(*net, b.images, at_once);
  const Tensor mean = at_once.updates.at(name + ".running_mean") * 10.0;
  const Tensor var = (at_once.updates.at(name + ".running_var") - 0.9) * (10.0 * 5 / 6);
  const auto drift = [&](const Tensor& m, const Tensor& v) {
    nn::assign(*net, {{name + ".running_mean", m.eval()}, {name + ".running_var", v.eval()}});
    return signals_of(*net, b).drifts.at(0);
  };
  EXPECT_LT(drift(mean, var).mean, 1e-3);
  EXPECT_LT(drift(mean, var).log_var, 1e-3);
  EXPECT_NEAR(drift(mean + 2 * sqrt(var), var).mean, 2, 1e-2);
  EXPECT_NEAR(drift(mean, var * std::exp(3.0)).log_var, 3, 1e-2);
  // One that is frozen runs by its own statistics.
  const Frozen frozen = freeze_modules(*net, {name});
  EXPECT_TRUE(signals_of(*net, b, {.frozen = &frozen}).drifts.empty());
}

TEST(Signals, RatioOfAnUpdateToItsWeight) {
  const Tree before{
      {"w", Tensor::from<float>({3, 4}, {1, 2})},
      {"still", Tensor::from<float>({1, 1}, {1, 2})},
      {"zero", Tensor::from<float>({0, 0}, {1, 2})},
      {"b", Tensor::from<float>({1, 1}, {2})}};
  Tree after = before;
  after["w"] = Tensor::from<float>({3.03f, 4.04f}, {1, 2});
  after["zero"] = Tensor::from<float>({1, 1}, {1, 2});
  after["b"] = Tensor::from<float>({2, 2}, {2});
  const auto ratios = update_ratios(before, after);
  ASSERT_EQ(ratios.size(), 1u);
  EXPECT_NEAR(ratios.at("w"), 0.01, 1e-5);
}

}  // namespace
}  // namespace fovea::train
