#include <gtest/gtest.h>

#include "fovea/models/registry.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/create.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/shape.h"
#include "tests/support/check_op.h"

namespace fovea::models {
namespace {

// Srivastava et al. 2015, equation 3: closed gates carry x to the end, open ones give H.
TEST(Highway, GatesChooseBetweenTheLayerAndItsInput) {
  auto net = find("highway").make({.classes = 10, .input = {28, 28, 1}});
  nn::initialize(*net, Key(1));
  Tree params = nn::parameters(*net);
  for (float v : params.at("highway1.t.bias").to_vector()) EXPECT_EQ(v, -2);

  const Tensor x = test::random_input({2, 28, 28, 1}, 1);
  auto scores_with_gates_at = [&](float bias) {
    Tree gates;
    for (int i = 1; i < 20; ++i)
      gates["highway" + std::to_string(i) + ".t.bias"] = full({50}, bias).eval();
    nn::assign(*net, gates);
    nn::Ctx ctx;
    return nn::forward(*net, x, ctx);
  };
  auto layer = [&](const std::string& name, const Tensor& input) {
    return linear(input, params.at(name + ".weight"), params.at(name + ".bias"));
  };
  Tensor carried = relu(layer("fc", reshape(x, {2, 784})));
  EXPECT_LE(test::relative_error(scores_with_gates_at(-60), layer("score", carried)), 1e-5);
  Tensor changed = carried;
  for (int i = 1; i < 20; ++i) changed = relu(layer("highway" + std::to_string(i) + ".h", changed));
  EXPECT_LE(test::relative_error(scores_with_gates_at(60), layer("score", changed)), 1e-5);
}

}  // namespace
}  // namespace fovea::models
