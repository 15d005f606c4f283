#include <gtest/gtest.h>

#include "fovea/autograd/transforms.h"
#include "fovea/core/node.h"
#include "fovea/graph/merge.h"
#include "fovea/graph/print.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/random.h"
#include "fovea/ops/reduce.h"
#include "tests/support/check_op.h"

namespace fovea {
namespace {

using test::random_input;

TEST(Print, OneLineANodeInTheOrderItRuns) {
  Tensor x = random_input({2, 3}, 1), w = random_input({3, 4}, 2), y;
  {
    PathScope path("head");
    y = matmul(x, w);
  }
  Tensor loss = sum(exp(y));
  EXPECT_EQ(
      graph::print(std::span(&loss, 1)),
      "%1 matmul (2, 4) <- f32 (2, 3), f32 (3, 4)   in head\n"
      "%2 exp (2, 4) <- %1\n"
      "%3 sum (1, 1) <- %2\n"
      "%4 reshape () <- %3\n");
}

TEST(Print, DotNamesNodesAndLeavesOnce) {
  Tensor x = random_input({2}, 1), y = x * x;
  std::string dot = graph::to_dot(std::span(&y, 1));
  EXPECT_NE(dot.find("n1 [label=\"mul\\n(2)\"]"), std::string::npos) << dot;
  EXPECT_EQ(dot.find("l2"), std::string::npos) << dot;
  EXPECT_EQ(graph::to_dot(std::span(&y, 1), {.leaves = false}).find("l1"), std::string::npos);
}

TEST(Merge, EqualNodesBecomeOne) {
  Tensor x = random_input({5}, 1);
  Tensor outputs[] = {exp(x) + exp(x), exp(x) * sin(x)};
  auto expected = outputs[1].to_vector();
  outputs[1] = exp(x) * sin(x);
  EXPECT_EQ(reachable(outputs).size(), 6u);
  EXPECT_EQ(graph::merge_equal(outputs), 2);
  EXPECT_EQ(reachable(outputs).size(), 4u);
  EXPECT_EQ(outputs[1].to_vector(), expected);
}

TEST(Merge, OptionsAndKeysTellNodesApart) {
  Tensor x = random_input({6}, 1);
  Tensor outputs[] = {
      clamp(x, 0, 1),
      clamp(x, 0, 2),
      dropout(x, 0.5, Key(1)),
      dropout(x, 0.5, Key(2)),
      dropout(x, 0.5, Key(1))};
  EXPECT_EQ(graph::merge_equal(outputs), 1);
  EXPECT_EQ(outputs[2].to_vector(), outputs[4].to_vector());
}

TEST(Merge, KeepsGradients) {
  Tensor x = random_input({4}, 3);
  auto f = [&] { return sum(tanh(x) * tanh(x) + sigmoid(tanh(x))); };
  Tensor plain = grad(f(), x), loss = f();
  Tensor outputs[] = {loss, grad(loss, x)};
  EXPECT_GT(graph::merge_equal(outputs), 0);
  EXPECT_LE(test::relative_error(outputs[1], plain), 1e-6);
}

}  // namespace
}  // namespace fovea
