#include "fovea/ops/update.h"

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"

namespace fovea {

namespace {

std::vector<std::shared_ptr<const Update>> rules() {
  return {
      std::make_shared<SgdUpdate>(SgdUpdate::Rule{.lr = 0.1, .weight_decay = 0.2}),
      std::make_shared<SgdUpdate>(
          SgdUpdate::Rule{.lr = 0.1, .momentum = 0.9, .dampening = 0.3, .weight_decay = 0.2}),
      std::make_shared<SgdUpdate>(
          SgdUpdate::Rule{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.2, .nesterov = true}),
      std::make_shared<AdagradUpdate>(
          AdagradUpdate::Rule{.lr = 0.1, .eps = 1e-7, .weight_decay = 0.2}),
      std::make_shared<RmspropUpdate>(
          RmspropUpdate::Rule{.lr = 0.1, .alpha = 0.9, .eps = 1e-8, .weight_decay = 0.2}),
      std::make_shared<RmspropUpdate>(
          RmspropUpdate::Rule{.lr = 0.1, .alpha = 0.9, .eps = 1e-8, .momentum = 0.9}),
      std::make_shared<RmspropUpdate>(
          RmspropUpdate::Rule{.lr = 0.1, .alpha = 0.9, .eps = 1e-8, .centered = true}),
      std::make_shared<RmspropUpdate>(RmspropUpdate::Rule{
          .lr = 0.1, .alpha = 0.9, .eps = 1e-8, .momentum = 0.9, .centered = true}),
      std::make_shared<AdadeltaUpdate>(
          AdadeltaUpdate::Rule{.lr = 0.1, .rho = 0.9, .eps = 1e-6, .weight_decay = 0.2}),
      std::make_shared<AdamUpdate>(AdamUpdate::Rule{
          .lr = 0.1,
          .beta1 = 0.9,
          .beta2 = 0.99,
          .eps = 1e-8,
          .weight_decay = 0.2,
          .shrink = 0.95,
          .correction1 = 0.3,
          .correction2 = 0.05}),
      std::make_shared<AverageUpdate>(0.25)};
}

// Parameter, states and gradient. Means of squares are at least 0.5, means are small.
std::vector<Tensor> inputs(const Update& rule, const Shape& shape) {
  std::vector<Tensor> in{test::random_input(shape, 1)};
  bool signed_first = rule.name() == "sgd" || rule.name() == "adam";
  for (int k = 0; k < rule.states(); ++k) {
    bool square = rule.name() == "adam" ? k == 1 : rule.name() == "adadelta" || k == 0;
    if (signed_first && k == 0) square = false;
    in.push_back(test::random_input(shape, uint64_t(2 + k), square ? 0.5 : -0.3, square ? 1 : 0.3));
  }
  in.push_back(test::random_input(shape, 9));
  return in;
}

std::vector<Tensor> run_rule(
    const std::shared_ptr<const Update>& rule, std::span<const Tensor> in) {
  return update(rule, in.front(), in.subspan(1, in.size() - 2), in.back());
}

TEST(Update, FastKernelsEqualTheReference) {
  for (const auto& rule : rules()) {
    for (int64_t n : {0, 1, 3, 7, 13, 24, 70001}) {
      std::vector<Tensor> in = inputs(*rule, {n});
      auto f = [&](std::span<const Tensor> x) { return run_rule(rule, x); };
      test::check_op(
          {.name = std::string(rule->name()),
           .f = f,
           .inputs = in,
           .tolerance = 1e-6,
           .gradient = false});
    }
  }
}

TEST(Update, InPlaceEqualsOutOfPlace) {
  for (const auto& rule : rules()) {
    std::vector<Tensor> in = inputs(*rule, {1003});
    std::vector<Tensor> kept = run_rule(rule, in);
    eval(kept);
    std::vector<Tensor> written = run_rule(rule, inputs(*rule, {1003}));
    eval(written);
    for (size_t i = 0; i < kept.size(); ++i)
      EXPECT_EQ(written[i].to_vector(), kept[i].to_vector()) << rule->name() << " output " << i;
  }
}

TEST(Update, RefusesHalfPrecisionAndOtherShapes) {
  auto rule = std::make_shared<AverageUpdate>(0.5);
  Tensor x = Tensor::from({1.f, 2.f}, {2}), y = Tensor::from({1.f}, {1});
  EXPECT_EQ(
      test::message_of([&] { update(rule, x, {}, y); }),
      "[average] expected the gradient to be f32 (2) as the parameter, got f32 (1)");
  Tensor half = cast(x, Dtype::bf16);
  EXPECT_EQ(
      test::message_of([&] { update(rule, half, {}, half); }),
      "[average] expected a parameter of dtype f32 or f64, got bf16 (2); keep the weights that are "
      "trained in f32");
}

}  // namespace

}  // namespace fovea
