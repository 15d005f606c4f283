#include "fovea/optim/optimizer.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/allocator.h"
#include "fovea/core/eval.h"
#include "fovea/optim/adadelta.h"
#include "fovea/optim/adagrad.h"
#include "fovea/optim/adam.h"
#include "fovea/optim/adamw.h"
#include "fovea/optim/factory.h"
#include "fovea/optim/rmsprop.h"
#include "fovea/optim/sgd.h"
#include "tests/support/check_op.h"

namespace fovea::optim {

namespace {

using test::message_of;

Tensor number(double x) { return Tensor::from({x}, {}, {Device::ref}); }

// Steps on f = x^2, in double, from x = 5.
double descend(Optimizer& optimizer, int steps) {
  Tree params{{"x", number(5)}};
  for (int i = 0; i < steps; ++i) {
    optimizer.step(params, {{"x", number(2 * params.at("x").item<double>())}});
    eval(values_of(params));
  }
  return params.at("x").item<double>();
}

// The first move of a parameter 0 under the gradient g.
double first_move(Optimizer&& optimizer, double g) {
  Tree params{{"x", number(0)}};
  optimizer.step(params, {{"x", number(g)}});
  return params.at("x").item<double>();
}

TEST(Optimizer, VelocityIsSubtracted) {  // E-04: added, it passes 500 within 50 steps
  Sgd sgd({.lr = 0.1, .momentum = 0.9});
  Tree params{{"x", number(5)}};
  double largest = 0;
  for (int i = 0; i < 200; ++i) {
    sgd.step(params, {{"x", number(2 * params.at("x").item<double>())}});
    if (i == 0) {
      EXPECT_DOUBLE_EQ(params.at("x").item<double>(), 4);
    }
    largest = std::max(largest, std::abs(params.at("x").item<double>()));
  }
  EXPECT_LT(largest, 5);
  EXPECT_LT(std::abs(params.at("x").item<double>()), 1e-3);
}

TEST(Optimizer, AdamCorrectsTemporariesNotItsState) {  // E-05, E-07
  Adam adam({.lr = 0.1});
  EXPECT_NEAR(descend(adam, 400), 5.117752703e-9, 1e-13);

  Adam two({.lr = 0.1});
  Tree params{{"x", number(5)}};
  two.step(params, {{"x", number(3)}});
  two.step(params, {{"x", number(-1)}});
  Tree state = two.state();
  EXPECT_NEAR(state.at("mean/x").item<double>(), 0.9 * 0.1 * 3 - 0.1, 1e-15);
  EXPECT_NEAR(state.at("square_mean/x").item<double>(), 0.999 * 0.001 * 9 + 0.001, 1e-15);
}

TEST(Optimizer, AdamsFirstStepIsTheLearningRate) {  // OPT-10
  for (double g : {1e-3, 1.0, -1.0, 1e3}) {
    EXPECT_NEAR(first_move(Adam({.lr = 0.01}), g), std::copysign(0.01, -g), 1e-6) << g;
    EXPECT_NEAR(first_move(AdamW({.lr = 0.01}), g), std::copysign(0.01, -g), 1e-6) << g;
  }
  auto uncorrected = std::make_shared<AdamUpdate>(
      AdamUpdate::Rule{.lr = 1, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-12});
  std::vector<Tensor> zeros{number(0), number(0)};
  EXPECT_NEAR(update(uncorrected, number(0), zeros, number(7))[0].item<double>(), -3.1623, 1e-4);
}

TEST(Optimizer, EpsilonStandsBesideTheRoot) {  // E-08; inside it, the moves would be 0.707
  EXPECT_NEAR(first_move(Adagrad({.lr = 1, .eps = 1}), 1), -0.5, 1e-12);
  EXPECT_NEAR(first_move(Rmsprop({.lr = 1, .alpha = 0, .eps = 1}), 1), -0.5, 1e-12);
  EXPECT_NEAR(first_move(Adam({.lr = 1, .eps = 1}), 1), -0.5, 1e-12);
}

TEST(Optimizer, Defaults) {  // E-08, E-09
  EXPECT_EQ(AdamOptions{}.beta2, 0.999);
  EXPECT_EQ(AdamOptions{}.eps, 1e-8);
  EXPECT_EQ(AdagradOptions{}.eps, 1e-7);
}

TEST(Optimizer, MomentumHasTwoEqualForms) {  // OPT-06: v = mu v - lr g, x += v
  Sgd sgd({.lr = 0.03, .momentum = 0.9});
  double x = 5, v = 0;
  for (int i = 0; i < 100; ++i) {
    v = 0.9 * v - 0.03 * 2 * x;
    x += v;
  }
  EXPECT_NEAR(descend(sgd, 100), x, 1e-12);
}

TEST(Optimizer, NesterovIsTheLookahead) {  // OPT-07: z = x + mu v
  Sgd sgd({.lr = 0.03, .momentum = 0.9, .nesterov = true});
  double x = 5, v = 0;
  for (int i = 0; i < 100; ++i) {
    v = 0.9 * v - 0.03 * 2 * (x + 0.9 * v);
    x += v;
  }
  EXPECT_NEAR(descend(sgd, 100), x + 0.9 * v, 1e-12);
}

TEST(Optimizer, AllDescendABowl) {  // OPT-03
  for (const MethodInfo& m : optimizer_table()) {
    auto optimizer = make_optimizer({{"name", m.name}});
    EXPECT_LT(std::abs(descend(*optimizer, 50)), 5) << m.name;
  }
}

TEST(Optimizer, FirstMatchingGroupCounts) {
  Sgd sgd(
      {.lr = 1,
       .weight_decay = 0.5,
       .groups = {
           {.pattern = "a.*", .lr_scale = 0.1},
           {.pattern = "*.bias", .lr_scale = 10, .weight_decay = 0}}});
  Tree params{{"a.bias", number(1)}, {"b.bias", number(1)}, {"b.weight", number(1)}};
  sgd.step(params, {{"a.bias", number(1)}, {"b.bias", number(1)}, {"b.weight", number(1)}});
  EXPECT_DOUBLE_EQ(params.at("a.bias").item<double>(), 1 - 0.1 * 1.5);
  EXPECT_DOUBLE_EQ(params.at("b.bias").item<double>(), 1 - 10.0);
  EXPECT_DOUBLE_EQ(params.at("b.weight").item<double>(), 1 - 1.5);
}

TEST(Optimizer, FrozenParametersStayToTheBit) {
  AdamW adamw({.lr = 0.1, .groups = {{.pattern = "frozen*", .lr_scale = 0}}});
  Tensor frozen = test::random_input({7}, 1), free = test::random_input({7}, 2);
  Tree params{{"frozen.w", frozen}, {"w", free}};
  for (int i = 0; i < 3; ++i) adamw.step(params, {{"frozen.w", free}, {"w", free}});
  EXPECT_EQ(params.at("frozen.w").to_vector(), frozen.to_vector());
  EXPECT_NE(params.at("w").to_vector(), free.to_vector());
  EXPECT_FALSE(adamw.state().contains("mean/frozen.w"));
}

TEST(Optimizer, SkipsParametersWithoutGradient) {
  Sgd sgd({.lr = 1});
  Tree params{{"a", number(1)}, {"b", number(1)}, {"c", number(1)}};
  sgd.step(params, {{"a", number(1)}, {"b", Tensor()}});
  EXPECT_EQ(params.at("a").item<double>(), 0);
  EXPECT_EQ(params.at("b").item<double>(), 1);
  EXPECT_EQ(params.at("c").item<double>(), 1);
  EXPECT_EQ(sgd.steps(), 1);
}

TEST(Optimizer, LateParametersStartTheirOwnCorrections) {
  Adam adam({.lr = 0.01});
  Tree params{{"early", number(0)}, {"late", number(0)}};
  for (int i = 0; i < 5; ++i) adam.step(params, {{"early", number(1)}});
  EXPECT_FALSE(adam.state().contains("missed/late"));
  adam.step(params, {{"early", number(1)}, {"late", number(1)}});
  EXPECT_NEAR(params.at("late").item<double>(), -0.01, 1e-6);
  EXPECT_EQ(adam.state().at("missed/late").item<int64_t>(), 5);
  EXPECT_FALSE(adam.state().contains("missed/early"));
}

TEST(Optimizer, EvaluatesNothing) {
  Adam adam;
  Tree params{{"w", test::random_input({1000}, 1)}};
  adam.step(params, {{"w", test::random_input({1000}, 2)}});
  adam.step(params, {{"w", test::random_input({1000}, 3)}});
  EXPECT_FALSE(params.at("w").is_evaluated());
  for (const Tensor& t : values_of(adam.state())) EXPECT_FALSE(t.is_evaluated());
}

TEST(Optimizer, WritesOverOldValues) {
  for (const MethodInfo& m : optimizer_table()) {
    Settings settings{{"name", m.name}};
    if (m.name == "sgd" || m.name == "rmsprop") settings["momentum"] = "0.9";
    if (m.name == "rmsprop") settings["centered"] = "true";
    auto optimizer = make_optimizer(settings);
    Tree params{{"w", test::random_input({100, 1000}, 1)}};
    auto step = [&](uint64_t seed) {
      Tree grads{{"w", test::random_input({100, 1000}, seed)}};
      optimizer->step(params, grads);
    };
    step(2);
    eval(values_of(params));
    step(3);
    const MemoryStats before = host_allocator().stats();
    eval(values_of(params));
    EXPECT_EQ(host_allocator().stats().requests, before.requests) << m.name;
    for (const Tensor& t : values_of(optimizer->state())) EXPECT_TRUE(t.is_evaluated());
    EXPECT_LT(host_allocator().stats().live, before.live) << m.name << " keeps the gradient";
  }
}

TEST(Optimizer, LeavesValuesOthersHold) {
  Sgd sgd({.lr = 1, .momentum = 0.9});
  Tree params{{"w", test::random_input({9}, 1)}};
  Tensor held = params.at("w");
  std::vector<float> before = held.to_vector();
  sgd.step(params, {{"w", held}});
  eval(values_of(params));
  EXPECT_EQ(held.to_vector(), before);
  EXPECT_EQ(params.at("w").to_vector(), std::vector<float>(9, 0));
}

TEST(Optimizer, SavedStateContinuesBitByBit) {
  for (const MethodInfo& m : optimizer_table()) {
    Settings settings{{"name", m.name}};
    if (m.name == "sgd" || m.name == "rmsprop") settings["momentum"] = "0.9";
    if (m.name == "sgd") settings["dampening"] = "0.1";
    auto run = [&](bool interrupt) {
      auto optimizer = make_optimizer(settings);
      Tree params{{"a", test::random_input({37}, 1)}, {"b", test::random_input({3, 5}, 2)}};
      for (uint64_t i = 0; i < 20; ++i) {
        if (interrupt && i == 11) {
          Tree state = map_tree(optimizer->state(), [](const std::string&, const Tensor& t) {
            return Tensor::from_bytes(t.eval().bytes(), t.shape(), t.dtype());
          });
          int64_t steps = optimizer->steps();
          optimizer = make_optimizer(settings);
          optimizer->load_state(state, steps);
        }
        Tree grads{{"a", test::random_input({37}, 10 + i)}};
        if (i % 3 != 1) grads["b"] = test::random_input({3, 5}, 40 + i);
        optimizer->step(params, grads);
        eval(values_of(params));
      }
      Tree all = params;
      all.merge(optimizer->state());
      return fingerprint(all);
    };
    EXPECT_EQ(run(false), run(true)) << m.name;
  }
}

TEST(Optimizer, SetLrCountsFromTheNextStep) {
  Sgd sgd({.lr = 1});
  Tree params{{"x", number(0)}};
  sgd.step(params, {{"x", number(1)}});
  sgd.set_lr(0.5);
  EXPECT_EQ(sgd.lr(), 0.5);
  sgd.step(params, {{"x", number(1)}});
  EXPECT_EQ(params.at("x").item<double>(), -1.5);
}

TEST(Optimizer, RefusesWhatDoesNotFit) {
  Sgd sgd({.lr = 1, .momentum = 0.9});
  Tree params{{"conv1.weight", Tensor::from({1.f, 2.f}, {2})}};
  auto step = [&](const Tree& grads) { return message_of([&] { sgd.step(params, grads); }); };
  EXPECT_EQ(
      step({{"conv1.wieght", Tensor::from({1.f, 2.f}, {2})}}),
      "[sgd] expected the gradient of a parameter, got one of \"conv1.wieght\", which is not among "
      "the 1 parameters; did you mean \"conv1.weight\"?");
  EXPECT_EQ(
      step({{"conv1.weight", Tensor::from({1.f}, {1})}}),
      "[sgd] expected the gradient of conv1.weight to be f32 (2), got f32 (1)");
  EXPECT_EQ(sgd.steps(), 0);

  sgd.load_state({{"momentum/conv1.weight", Tensor::from({1.f, 2.f, 3.f}, {3})}}, 1);
  EXPECT_EQ(
      step({{"conv1.weight", Tensor::from({1.f, 2.f}, {2})}}),
      "[sgd] expected the momentum of conv1.weight to be f32 (2), got f32 (3)");

  Sgd grouped({.groups = {{.pattern = "*.bais", .lr_scale = 2}}});
  EXPECT_EQ(
      message_of([&] { grouped.step(params, {}); }),
      "[sgd] expected the group pattern \"*.bais\" to match a parameter, but it matches none of 1");
  grouped.load_state({}, 7);  // nor after a resume
  EXPECT_EQ(
      message_of([&] { grouped.step(params, {}); }),
      "[sgd] expected the group pattern \"*.bais\" to match a parameter, but it matches none of 1");
}

TEST(Optimizer, RefusesForeignState) {
  Adam adam;
  Tensor t = Tensor::from({1.f}, {1});
  auto load = [&](const Tree& state, int64_t steps = 1) {
    return message_of([&] { adam.load_state(state, steps); });
  };
  EXPECT_EQ(
      load({{"momentum/w", t}}),
      "[adam] expected state named mean/... or square_mean/<parameter>, got \"momentum/w\"; was it "
      "saved by another optimiser or with other settings?");
  EXPECT_EQ(
      load({{"mean/w", t}}),
      "[adam] expected the state square_mean/w, which is missing; was it saved with other "
      "settings?");
  EXPECT_EQ(load({}, -1), "[adam] expected a number of steps of 0 or more, got -1");
  EXPECT_EQ(
      load({{"mean/w", t}, {"square_mean/w", t}, {"missed/w", Tensor::from({int64_t(2)}, {})}}),
      "[adam] expected at most as many missed as taken steps, got 2");
}

TEST(Optimizer, RefusesBadValues) {
  auto message = [](auto make) { return message_of([&] { make(); }); };
  EXPECT_EQ(
      message([] { Sgd({.lr = -1}); }), "[sgd] expected a learning rate of 0 or more, got -1");
  EXPECT_EQ(message([] { Sgd({.momentum = 1}); }), "[sgd] expected a momentum in [0, 1), got 1");
  EXPECT_EQ(
      message([] { Sgd({.momentum = 0.9, .dampening = 2}); }),
      "[sgd] expected a dampening in [0, 1], got 2");
  EXPECT_EQ(
      message([] { Sgd({.nesterov = true}); }),
      "[sgd] expected a momentum above 0 for nesterov, got 0");
  EXPECT_EQ(
      message([] { Sgd({.momentum = 0.9, .dampening = 0.1, .nesterov = true}); }),
      "[sgd] expected no dampening with nesterov, got 0.1");
  EXPECT_EQ(
      message([] { Sgd({.weight_decay = -1}); }),
      "[sgd] expected a weight_decay of 0 or more, got -1");
  EXPECT_EQ(
      message([] { Sgd({.groups = {{.pattern = "*", .lr_scale = -1}}}); }),
      "[sgd] expected an lr_scale of 0 or more, got -1");
  EXPECT_EQ(message([] { Adagrad({.eps = 0}); }), "[adagrad] expected an eps above 0, got 0");
  EXPECT_EQ(message([] { Rmsprop({.alpha = 1}); }), "[rmsprop] expected an alpha in [0, 1), got 1");
  EXPECT_EQ(message([] { Adadelta({.rho = -1}); }), "[adadelta] expected a rho in [0, 1), got -1");
  EXPECT_EQ(message([] { Adam({.beta1 = 1}); }), "[adam] expected a beta1 in [0, 1), got 1");
  EXPECT_EQ(message([] { AdamW({.beta2 = 1}); }), "[adamw] expected a beta2 in [0, 1), got 1");
}

}  // namespace

}  // namespace fovea::optim
