// The graphs of whole training steps, so that a change to an op, a layer or a gradient that adds,
// drops or reorders nodes is seen in review.
#include "tests/support/golden.h"

#include <gtest/gtest.h>

#include "fovea/core/tree.h"
#include "fovea/graph/print.h"
#include "fovea/models/architecture.h"
#include "fovea/nn/grad.h"
#include "fovea/nn/module.h"
#include "fovea/ops/loss.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

// Loss, gradients by name and new running statistics of 4 pictures.
std::string training_step(const std::string& name, const Shape& input) {
  auto net = models::build({.name = name, .input = input, .classes = 10});
  nn::initialize(*net, Key(1));
  Tensor x = test::random_input({4, input[0], input[1], input[2]}, 1);
  Tensor labels = test::int_input({4}, 2, 0, 10);
  nn::Ctx ctx;
  ctx.training = true;
  nn::LossAndGrad r = nn::value_and_grad(
      *net, ctx, [&](nn::Ctx& c) { return cross_entropy(nn::forward(*net, x, c), labels); });
  std::vector<Tensor> outputs{r.loss};
  for (const Tree* tree : {&r.grads, &r.updates})
    for (const auto& [key, t] : *tree) outputs.push_back(t);
  return graph::print(outputs);
}

TEST(GraphGolden, TrainingStepOfLeNet5) {
  test::expect_golden("graph_lenet5.txt", training_step("lenet5", {28, 28, 1}));
}

TEST(GraphGolden, TrainingStepOfResNet20) {
  test::expect_golden("graph_resnet20.txt", training_step("resnet20", {32, 32, 3}));
}

}  // namespace
}  // namespace fovea
