#include "fovea/nn/check_layer.h"

#include <gtest/gtest.h>

#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/conv.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/norm.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::nn {
namespace {

// y = relu(x w + b), with a gradient of one's own that is wrong by `factor`.
class Scaled : public Module {
 public:
  explicit Scaled(double factor) : factor_(factor), weight_(shaped({3})), bias_(shaped({3})) {}
  Tensor forward(const Tensor& x, Ctx&) const override {
    const double factor = factor_;
    const Fn product = custom_vjp(
        [](std::span<const Tensor> in) { return std::vector<Tensor>{in[0] * in[1]}; },
        [factor](
            std::span<const Tensor> in, std::span<const Tensor>, std::span<const Tensor> dout) {
          return std::vector<Tensor>{dout[0] * in[1], sum(dout[0] * in[0] * factor, {0})};
        });
    return relu(product(std::vector<Tensor>{x, weight_})[0] + bias_);
  }
  void visit(Visitor& v) override {
    v.param("weight", weight_, {.init = normal(1)});
    v.param("bias", bias_, {.init = constant(0.1)});
  }

 private:
  double factor_;
  Tensor weight_, bias_;
};

TEST(CheckLayer, PassesOnesOwnLayerAndNamesAWrongGradient) {
  const Tensor x = test::random_input({4, 3}, 1);
  Scaled right(1), wrong(1.1);
  initialize(right, Key(1));
  initialize(wrong, Key(1));
  const std::string before = fingerprint(parameters(right));
  const LayerCheck ok = check_layer(right, x);
  EXPECT_TRUE(ok.passed()) << ok.str();
  EXPECT_EQ(ok.of.size(), 3u);
  EXPECT_EQ(fingerprint(parameters(right)), before);
  const LayerCheck bad = check_layer(wrong, x);
  EXPECT_FALSE(bad.passed());
  EXPECT_HAS(bad.str(), "weight: wrong, 3 of 3 elements, element ");
  EXPECT_TRUE(bad.of.at("bias").passed() && bad.of.at("input").passed());
}

TEST(CheckLayer, SaysWhatADeadLayerLeavesUntested) {
  Scaled layer(1);
  initialize(layer, Key(1));
  assign(layer, {{"bias", full({3}, -100)}});
  const LayerCheck c = check_layer(layer, test::random_input({4, 3}, 1));
  EXPECT_FALSE(c.passed());
  EXPECT_HAS(c.str(), "weight: not tested, of 3 elements 3 have no slope here");
}

// Kinks of ReLU and pooling, statistics of the batch, random numbers.
TEST(CheckLayer, PassesTheLayersOfTheLibrary) {
  Sequential net;
  net.add(std::make_unique<Conv2d>(Conv2d::Options{.in = 2, .out = 3, .kernel = {3, 3}}));
  net.add(std::make_unique<BatchNorm>(BatchNorm::Options{.channels = 3}));
  net.add(std::make_unique<Activation>("relu"));
  net.add(std::make_unique<Dropout>(Dropout::Options{.rate = 0.3}));
  initialize(net, Key(2));
  const Tensor x = test::random_input({2, 5, 5, 2}, 3);
  for (bool training : {true, false}) {
    const LayerCheck c = check_layer(net, x, {.training = training, .steps = {.most = 20}});
    // Behind a batch norm in training a bias has no effect.
    for (const auto& [name, check] : c.of)
      EXPECT_TRUE(check.passed() || (training && name == "0.bias" && check.wrong == 0))
          << name << "\n"
          << c.str();
  }
}

}  // namespace
}  // namespace fovea::nn
