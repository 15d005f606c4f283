// Every network of the table learns: its loss falls in a few steps on made-up pictures.
#include <algorithm>
#include <array>
#include <numeric>

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/models/architecture.h"
#include "fovea/models/registry.h"
#include "fovea/nn/grad.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/loss.h"
#include "fovea/optim/factory.h"
#include "tests/models/siblings.h"
#include "tests/support/check_op.h"

namespace fovea::models {
namespace {

using test::random_input;

// Over two seconds, or less with a sibling that is quicker.
bool takes_long(std::string_view name) {
  constexpr std::array<std::string_view, 11> known{
      "squeezenet1_0",
      "resnet32",
      "resnet44",
      "resnet56",
      "resnet110",
      "resnet18_cifar",
      "preact_resnet18",
      "preact_resnet56",
      "wrn16_4",
      "densenet_bc100_12",
      "mobilenet_v3_large"};
  return std::ranges::find(known, name) != known.end();
}

constexpr int64_t classes = 3, pictures = 6;
constexpr int steps = 30;

// The network for the smallest pictures it takes, down to 16x16 or, where made for large ones,
// 32x32.
Architecture smallest(const Entry& e) {
  const int64_t least = e.input[0] <= 32 ? 16 : 32;
  for (int64_t side = least; side < e.input[0]; side *= 2) {
    Architecture a{
        .name = std::string(e.name), .input = {side, side, e.input[2]}, .classes = classes};
    try {
      build(a);
      return a;
    } catch (const std::invalid_argument&) {  // too small
    }
  }
  return {.name = std::string(e.name), .input = e.input, .classes = classes};
}

// A pattern for each class, and noise of half its size.
struct Data {
  explicit Data(const Shape& input)
      : labels(Tensor::from<int32_t>({0, 1, 2, 0, 1, 2}, {pictures})) {
    Tensor patterns = random_input({classes, input[0], input[1], input[2]}, 1);
    Tensor noise = random_input({pictures, input[0], input[1], input[2]}, 2, -0.5, 0.5);
    x = (take(patterns, labels, 0) + noise).eval();
  }
  Tensor labels, x;
};

class EveryModelLearns : public testing::TestWithParam<std::string> {};

TEST_P(EveryModelLearns, LossFalls) {
  const Entry& e = find(GetParam());
  if (is_another_vgg(e.name) || is_large_sibling(e.name) || takes_long(e.name))
    GTEST_SKIP() << "takes long, and made of a sibling's layers";
  if (gives_maps(e.name))
    GTEST_SKIP() << "has scores for pixels, not pictures, and wants such labels";
  if (e.name == "nin")
    GTEST_SKIP() << "the ReLU behind its scores sees one pixel of such small pictures, and dies; "
                    "nin_cifar has the same layers";
  const Architecture a = smallest(e);
  auto net = build(a);
  if (nn::count_parameters(*net) > 12'000'000) GTEST_SKIP() << "takes long";
  nn::initialize(*net, Key(1));
  const Data data(a.input);
  auto optimizer = optim::make_optimizer({{"name", "adam"}, {"lr", "0.001"}});
  Tree params = nn::parameters(*net);
  std::vector<double> losses;
  for (uint64_t step = 0; step < steps; ++step) {
    nn::Ctx ctx;
    ctx.training = true;
    ctx.key = Key(step);
    nn::LossAndGrad r = nn::value_and_grad(*net, ctx, [&](nn::Ctx& c) {
      return cross_entropy(nn::forward(*net, data.x, c), data.labels);
    });
    optimizer->step(params, r.grads);
    r.grads.clear();
    std::vector<Tensor> wanted = values_of(params);
    wanted.push_back(r.loss);
    eval(wanted);
    nn::assign(*net, params);
    losses.push_back(r.loss.item<double>());
  }
  auto mean = [](auto begin, auto end) {
    return std::accumulate(begin, end, 0.0) / double(end - begin);
  };
  const double first = mean(losses.begin(), losses.begin() + 3);
  const double last = mean(losses.end() - 5, losses.end());
  EXPECT_LT(last, 0.7 * first);
}

INSTANTIATE_TEST_SUITE_P(All, EveryModelLearns, testing::ValuesIn(names()), [](const auto& model) {
  return model.param;
});

}  // namespace
}  // namespace fovea::models
