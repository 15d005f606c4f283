#include "fovea/nn/module.h"

#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/core/profile.h"
#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/conv.h"
#include "fovea/nn/grad.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/load.h"
#include "fovea/nn/norm.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/loss.h"
#include "fovea/ops/reduce.h"
#include "tests/nn/layers.h"

namespace fovea::nn {
namespace {

using test::message_of;
using test::random_input;

// conv -> bn -> (inner: act, conv) -> pool -> fc, in two levels.
Sequential small_net() {
  Sequential net;
  net.emplace<Conv2d>("conv", same_conv(3, 4, 3));
  net.emplace<BatchNorm>("bn", BatchNorm::Options{.channels = 4});
  auto inner = std::make_unique<Sequential>();
  inner->emplace<Activation>("act", "relu");
  inner->emplace<Conv2d>("conv", same_conv(4, 4, 3));
  net.add("inner", std::move(inner));
  net.emplace<GlobalAvgPool>("pool");
  net.emplace<Linear>("fc", Linear::Options{.in = 4, .out = 5});
  return net;
}

TEST(Module, NamesComeFromVisit) {
  Sequential net = small_net();
  EXPECT_EQ(
      names_of(parameters(net)),
      (Names{
          "bn.bias",
          "bn.weight",
          "conv.bias",
          "conv.weight",
          "fc.bias",
          "fc.weight",
          "inner.conv.bias",
          "inner.conv.weight"}));
  EXPECT_EQ(
      names_of(state(net)), (Names{"bn.num_batches_tracked", "bn.running_mean", "bn.running_var"}));
  EXPECT_EQ(count_parameters(net), (3 * 9 * 4 + 4) + 8 + (4 * 9 * 4 + 4) + (4 * 5 + 5));
}

TEST(Module, InitialiseDependsOnKeyAndNameAlone) {
  Sequential a = small_net(), b = small_net(), c = small_net();
  initialize(a, Key(1));
  initialize(b, Key(1));
  initialize(c, Key(2));
  EXPECT_EQ(fingerprint(parameters(a)), fingerprint(parameters(b)));
  EXPECT_NE(fingerprint(parameters(a)), fingerprint(parameters(c)));
  Sequential more = small_net();
  more.emplace<Linear>("extra", Linear::Options{.in = 5, .out = 2});
  initialize(more, Key(1));
  EXPECT_EQ(
      parameters(a).at("conv.weight").to_vector(), parameters(more).at("conv.weight").to_vector());
}

TEST(Module, AssignRefusesWhatDoesNotFit) {
  Sequential net = small_net();
  EXPECT_HAS(
      message_of([&] {
        assign(net, {{"fc.bias", random_input({4}, 1)}});
      }),
      "[assign] fc.bias: expected shape (5), got (4)");
  EXPECT_HAS(
      message_of([&] {
        assign(net, {{"fc.bais", random_input({5}, 1)}});
      }),
      "[assign] the module has no \"fc.bais\"");
}

TEST(LayerError, NamesTheLayerWhatItExpectedAndTheFix) {
  Sequential net = small_net();
  initialize(net, Key(1));
  Ctx ctx;
  try {
    forward(net, random_input({1, 8, 8, 1}, 1), ctx);
    FAIL();
  } catch (const LayerError& e) {
    EXPECT_STREQ(
        e.what(),
        "in conv: [Conv2d] expected (N, H, W, 3), got shape (1, 8, 8, 1); convert the grey images "
        "to RGB");
  }
  auto wrong = std::make_unique<Sequential>();
  wrong->emplace<Linear>("head", Linear::Options{.in = 7, .out = 2});
  Sequential outer;
  outer.add("body", std::move(wrong));
  EXPECT_HAS(
      message_of([&] {
        forward(outer, random_input({1, 8}, 1), ctx);
      }),
      "in body.head: [Linear] expected 7 features");
}

TEST(Ctx, OpsCarryThePathOfTheirLayer) {
  Sequential net = small_net();
  initialize(net, Key(1));
  Ctx ctx;
  Profile profile;
  forward(net, random_input({1, 4, 4, 3}, 1), ctx).eval();
  std::vector<std::string> convs;
  for (const ProfileRow& row : profile.rows())
    if (row.op == "conv2d") convs.push_back(row.path);
  EXPECT_EQ(convs, (std::vector<std::string>{"conv", "inner.conv"}));
  EXPECT_EQ(ctx.path, "");
}

TEST(Ctx, TapsGiveActivationsAndTheirGradients) {
  Sequential net = small_net();
  initialize(net, Key(1));
  Tensor x = random_input({2, 4, 4, 3}, 1);
  Ctx plain, tapped;
  tapped.wanted_taps = {"inner.act", "pool"};
  Tensor y = forward(net, x, tapped);
  EXPECT_EQ(y.to_vector(), forward(net, x, plain).to_vector());
  EXPECT_TRUE(plain.taps.empty());
  ASSERT_EQ(names_of(tapped.taps), (Names{"inner.act", "pool"}));
  EXPECT_EQ(tapped.taps.at("inner.act").shape().str(), "(2, 4, 4, 4)");
}

// d sum(fc(pool)) / d pool is the column sums of fc.weight.
TEST(Ctx, GradientOfATapIsTheGradientOfTheActivation) {
  Sequential net = small_net();
  initialize(net, Key(1));
  Ctx ctx;
  ctx.wanted_taps = {"pool"};
  Tensor y = sum(forward(net, random_input({1, 4, 4, 3}, 1), ctx));
  std::vector<float> g = grad(y, ctx.taps.at("pool")).to_vector();
  std::vector<float> w = parameters(net).at("fc.weight").to_vector();
  for (size_t c = 0; c < 4; ++c) {
    float expected = 0;
    for (size_t o = 0; o < 5; ++o) expected += w[o * 4 + c];
    EXPECT_NEAR(g[c], expected, 1e-6);
  }
}

TEST(ValueAndGrad, GivesLossGradientsAndUpdates) {
  Sequential net = small_net();
  initialize(net, Key(1));
  Tensor x = random_input({4, 4, 4, 3}, 1), labels = test::int_input({4}, 2, 0, 5);
  auto loss = [&](Ctx& c) { return cross_entropy(forward(net, x, c), labels); };
  Ctx ctx;
  ctx.training = true;
  LossAndGrad all = value_and_grad(net, ctx, loss);
  EXPECT_EQ(names_of(all.grads), names_of(parameters(net)));
  EXPECT_EQ(names_of(all.updates), names_of(state(net)));
  EXPECT_GT(all.loss.item<double>(), 0);
  for (const auto& [name, g] : all.grads)
    EXPECT_EQ(g.shape().str(), parameters(net).at(name).shape().str()) << name;

  LossAndGrad head =
      value_and_grad(net, ctx, loss, [](std::string_view name) { return name.starts_with("fc."); });
  EXPECT_EQ(names_of(head.grads), (Names{"fc.bias", "fc.weight"}));
  EXPECT_EQ(head.grads.at("fc.weight").to_vector(), all.grads.at("fc.weight").to_vector());
}

TEST(TotalLoss, AddsTheLossesOfAuxiliaryHeadsByTheirWeights) {
  Ctx ctx;
  auto loss = [](const Tensor& scores) { return sum(scores * scores); };
  const Tensor scores = Tensor::from<float>({1, 2}, {2});
  EXPECT_EQ(total_loss(scores, ctx, loss).item<double>(), 5);
  ctx.auxiliary.push_back({Tensor::from<float>({2, 2}, {2}), 0.5});
  ctx.auxiliary.push_back({Tensor::from<float>({4, 0}, {2}), 0.25});
  EXPECT_EQ(total_loss(scores, ctx, loss).item<double>(), 5 + 0.5 * 8 + 0.25 * 16);
}

// Against central differences of the loss itself.
TEST(ValueAndGrad, IsTheSlopeOfTheLoss) {
  Sequential net = small_net();
  initialize(net, Key(1));
  Tensor x = random_input({4, 4, 4, 3}, 1), labels = test::int_input({4}, 2, 0, 5);
  Ctx ctx;
  auto loss = [&](Ctx& c) { return cross_entropy(forward(net, x, c), labels); };
  float slope = value_and_grad(net, ctx, loss).grads.at("fc.weight").to_vector()[3];
  std::vector<float> w = parameters(net).at("fc.weight").to_vector();
  auto loss_at = [&](float shift) {
    std::vector<float> moved = w;
    moved[3] += shift;
    assign(net, {{"fc.weight", Tensor::from(moved, {5, 4})}});
    Ctx fresh;
    return loss(fresh).item<double>();
  };
  EXPECT_NEAR(slope, (loss_at(0.05f) - loss_at(-0.05f)) / 0.1, 2e-5);
}

TEST(Load, RoundTripsInPyTorchsLayout) {
  Sequential a = small_net(), b = small_net();
  a.emplace<ConvTranspose2d>("up", ConvTranspose2d::Options{.in = 2, .out = 6, .kernel = {3, 5}});
  b.emplace<ConvTranspose2d>("up", ConvTranspose2d::Options{.in = 2, .out = 6, .kernel = {3, 5}});
  initialize(a, Key(1));
  initialize(b, Key(2));
  Tree tree = export_tree(a);
  EXPECT_EQ(tree.at("conv.weight").shape().str(), "(4, 3, 3, 3)");
  EXPECT_EQ(tree.at("up.weight").shape().str(), "(2, 6, 3, 5)");
  EXPECT_EQ(tree.at("fc.weight").shape().str(), "(5, 4)");
  // (o, i, y, x) on disk is (o, y, x, i) in memory.
  EXPECT_EQ(
      tree.at("conv.weight").to_vector()[((1 * 3 + 2) * 3 + 0) * 3 + 1],
      parameters(a).at("conv.weight").to_vector()[((1 * 3 + 0) * 3 + 1) * 3 + 2]);
  LoadReport report = load(b, tree);
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(report.loaded, 13);
  EXPECT_EQ(fingerprint(parameters(a)), fingerprint(parameters(b)));
  EXPECT_EQ(fingerprint(state(a)), fingerprint(state(b)));
}

TEST(Load, StripsPrefixesThatAllNamesCarry) {
  Sequential a = small_net(), b = small_net();
  initialize(a, Key(1));
  Tree tree;
  for (const auto& [name, t] : export_tree(a)) tree["module._orig_mod." + name] = t;
  EXPECT_TRUE(load(b, tree).complete());
  EXPECT_EQ(fingerprint(parameters(a)), fingerprint(parameters(b)));
  EXPECT_THROW(load(b, tree, {.strip_prefixes = false}), std::invalid_argument);
}

TEST(Load, ReportsMissingUnusedAndMismatchedWithNearNames) {
  Sequential a = small_net(), b = small_net();
  initialize(a, Key(1));
  initialize(b, Key(2));
  Tree tree = export_tree(a);
  tree["inner.conv1.weight"] = tree.at("inner.conv.weight");
  tree.erase("inner.conv.weight");
  tree["fc.weight"] = random_input({1000, 4}, 1);
  tree["conv.weight"] = random_input({4, 1, 3, 3}, 1);
  tree.erase("bn.num_batches_tracked");  // old checkpoints lack it, and nothing needs it

  std::string before = fingerprint(parameters(b));
  std::string message = message_of([&] { load(b, tree); });
  EXPECT_HAS(message, "[load] the weights do not fit the model: ");
  EXPECT_HAS(message, "1 missing: inner.conv.weight");
  EXPECT_HAS(message, "1 unused: inner.conv1.weight");
  EXPECT_HAS(message, "fc.weight: expected (5, 4), got (1000, 4)");
  EXPECT_HAS(message, "conv.weight: expected (4, 3, 3, 3), got (4, 1, 3, 3)");
  EXPECT_HAS(
      message, "\"inner.conv.weight\" is missing; did the file mean \"inner.conv1.weight\"?");
  EXPECT_EQ(fingerprint(parameters(b)), before);

  LoadReport report = load(b, tree, {.strict = false});
  EXPECT_EQ(report.missing, (std::vector<std::string>{"inner.conv.weight"}));
  EXPECT_EQ(report.unused, (std::vector<std::string>{"inner.conv1.weight"}));
  EXPECT_EQ(report.mismatched.size(), 2u);
  EXPECT_EQ(report.loaded, 7);
  EXPECT_EQ(parameters(a).at("fc.bias").to_vector(), parameters(b).at("fc.bias").to_vector());
}

}  // namespace
}  // namespace fovea::nn
