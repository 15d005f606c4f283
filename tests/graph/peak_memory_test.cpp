#include "fovea/graph/peak_memory.h"

#include <gtest/gtest.h>

#include "fovea/core/allocator.h"
#include "fovea/core/eval.h"
#include "fovea/core/kernel.h"
#include "fovea/core/node.h"
#include "fovea/models/architecture.h"
#include "fovea/nn/grad.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/loss.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "tests/support/check_op.h"

namespace fovea::graph {
namespace {

constexpr int64_t kb = 1024;

TEST(PeakMemory, CountsWhatLivesAtOnce) {
  const Tensor x = test::random_input({256}, 1);  // 1 KB
  {
    const Tensor y = tanh(x);
    EXPECT_EQ(peak_memory(std::vector<Tensor>{y}), kb);
  }
  {  // written over: one buffer for a chain
    const Tensor y = tanh(tanh(tanh(x)));
    EXPECT_EQ(peak_memory(std::vector<Tensor>{y}), kb);
  }
  {  // both are wanted
    const Tensor a = tanh(x), b = tanh(a);
    EXPECT_EQ(peak_memory(std::vector<Tensor>{a, b}), 2 * kb);
  }
  {  // a view takes nothing
    const Tensor a = reshape(tanh(x), {16, 16});
    EXPECT_EQ(peak_memory(std::vector<Tensor>{a}), kb);
  }
  {  // a product cannot be written over its inputs, and its kernel packs them
    const Tensor a = reshape(tanh(x), {16, 16}), y = matmul(a, a);
    const int64_t scratch = kernels().scratch(*y.node()->primitive, y.node()->inputs, Device::cpu);
    EXPECT_GT(scratch, 0);
    EXPECT_EQ(peak_memory(std::vector<Tensor>{y}), 2 * kb + int64_t(block_size(size_t(scratch))));
  }
}

// On the reference backend, whose kernels take no scratch memory; size classes are an eighth apart.
TEST(PeakMemory, ForecastsTheStepOfANetwork) {
  const DeviceScope on_ref(Device{Device::ref});
  for (const char* name : {"lenet5", "resnet20"}) {
    SCOPED_TRACE(name);
    models::Architecture a{.name = name, .input = {16, 16, 3}, .classes = 10, .layers = {}};
    const auto net = models::build(a);
    nn::initialize(*net, Key(1));
    const Tensor x = test::random_input({2, 16, 16, 3}, 1), labels = test::int_input({2}, 2, 0, 10);
    auto run = [&] {
      nn::Ctx ctx;
      ctx.training = true;
      nn::LossAndGrad r = nn::value_and_grad(
          *net, ctx, [&](nn::Ctx& c) { return cross_entropy(nn::forward(*net, x, c), labels); });
      std::vector<Tensor> wanted = values_of(r.grads);
      wanted.push_back(r.loss);
      for (const Tensor& t : values_of(r.updates)) wanted.push_back(t);
      const int64_t forecast = peak_memory(wanted);
      eval(wanted);
      return forecast;
    };
    run();
    host_allocator().reset_peak();
    const int64_t before = host_allocator().stats().live;
    const auto forecast = double(run());
    const auto measured = double(host_allocator().stats().peak - before);
    EXPECT_NEAR(forecast / measured, 1, 0.1) << forecast << " " << measured;
  }
}

}  // namespace
}  // namespace fovea::graph
