// L-BFGS and Newton's method on networks, all pictures at once.
#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/models/model_file.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/loss.h"
#include "fovea/ops/reduce.h"
#include "fovea/optim/lbfgs.h"
#include "fovea/optim/newton.h"
#include "tests/support/check_op.h"

namespace fovea::models {
namespace {

Model small_model(const std::vector<LayerSpec>& layers) {
  Model m;
  m.architecture = {.name = "layers", .input = {3, 3, 2}, .classes = 4, .layers = layers};
  m.net = build(m.architecture);
  m.preprocess = {.channels = 2, .height = 3, .width = 3};
  nn::initialize(*m.net, Key(1));
  return m;
}

TEST(FullBatch, LbfgsLearnsANetworkByHeart) {
  Model model = small_model(
      {{"conv", {{"out", "6"}, {"act", "tanh"}}}, {"flatten", {}}, {"linear", {{"out", "4"}}}});
  const Tensor images = test::random_input({24, 3, 3, 2}, 1);
  const Tensor labels = test::int_input({24}, 2, 0, 4);

  Tree params = nn::parameters(*model.net);
  const optim::Objective loss = [&](const Tree& values) {
    nn::assign(*model.net, values);
    nn::Ctx ctx;
    return cross_entropy(nn::forward(*model.net, images, ctx), labels);
  };
  optim::Lbfgs lbfgs;
  const optim::Minimized m = optim::minimize(lbfgs, params, loss, {.steps = 60});
  nn::assign(*model.net, params);

  EXPECT_LT(m.loss, 0.02);
  EXPECT_NEAR(loss(params).item<double>(), m.loss, 1e-6);
}

TEST(FullBatch, NewtonFindsTheOneMinimumOfALinearClassifier) {
  Model model = small_model({{"flatten", {}}, {"linear", {{"out", "4"}}}});
  const Tensor images = test::random_input({24, 3, 3, 2}, 1);
  const Tensor labels = test::int_input({24}, 2, 0, 4);
  const optim::Objective loss = [&](const Tree& values) {
    nn::assign(*model.net, values);
    nn::Ctx ctx;
    Tensor total = cross_entropy(nn::forward(*model.net, images, ctx), labels);
    for (const auto& [name, w] : values) total = total + 0.01 * sum(square(w));
    return total;
  };
  Tree params = nn::parameters(*model.net);
  optim::Newton newton;
  const optim::Minimized m =
      optim::minimize(newton, params, loss, {.steps = 12, .tolerance = 1e-5});
  EXPECT_TRUE(m.converged);
  EXPECT_LE(m.steps, 8);
}

}  // namespace
}  // namespace fovea::models
