// What training leaves out: blocks of resnet110_sd, paths of FractalNet. A batch norm that ran
// leaves its new statistics in the context, so graphs need not be evaluated.
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "fovea/models/architecture.h"
#include "fovea/models/registry.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"

namespace fovea::models {
namespace {

std::unique_ptr<nn::Module> make(const char* name) {
  return build({.name = name, .input = {32, 32, 3}, .classes = 10});
}

// The paths of the batch norms that one forward call runs.
std::set<std::string> norms_run(const nn::Module& net, uint64_t seed, bool training = true) {
  nn::Ctx ctx;
  ctx.training = training;
  ctx.key = Key(seed);
  nn::forward(net, nn::shaped({2, 32, 32, 3}), ctx);
  std::set<std::string> paths;
  for (const auto& [name, t] : ctx.updates)
    if (name.ends_with(".running_mean")) paths.insert(name.substr(0, name.rfind('.')));
  return paths;
}

TEST(StochasticDepth, DropsEarlyBlocksSeldomAndTheLastEverySecondTime) {
  auto net = make("resnet110_sd");
  const int n = 300;
  int first_half = 0, last_block = 0;
  for (int i = 0; i < n; ++i) {
    const auto run = norms_run(*net, uint64_t(i));
    for (int block = 0; block < 27; ++block) {
      const std::string layer = block < 18 ? "layer1." : "layer2.";
      first_half += run.contains(layer + std::to_string(block % 18) + ".bn2");
    }
    last_block += run.contains("layer3.17.bn2");
  }
  // The chance to survive is 1 - l / 108, whose mean over blocks 1 to 27 is 1 - 14 / 108.
  EXPECT_NEAR(double(first_half) / (27 * n), 1 - 14 / 108.0, 0.015);
  EXPECT_NEAR(double(last_block) / n, 0.5, 4 * std::sqrt(0.25 / n));
}

// At test time block l of 54 counts 1 - l / 108: resnet110 with its last norms scaled by that gives
// the same scores.
TEST(StochasticDepth, ScalesBlocksByTheirSurvivalAtTestTime) {
  auto dropping = make("resnet110_sd"), plain = make("resnet110");
  nn::initialize(*dropping, Key(1));
  Tree values = nn::parameters(*dropping);
  for (int block = 0; block < 54; ++block)
    for (const char* which : {".bn2.weight", ".bn2.bias"}) {
      Tensor& t = values.at(
          "layer" + std::to_string(block / 18 + 1) + "." + std::to_string(block % 18) + which);
      t = (t * (1 - (block + 1) / 108.0)).eval();
    }
  nn::assign(*plain, values);
  Tensor x = test::random_input({2, 32, 32, 3}, 1);
  nn::Ctx a, b;
  EXPECT_LE(test::relative_error(nn::forward(*dropping, x, a), nn::forward(*plain, x, b)), 1e-5);
}

// The columns that ran, and whether they ran whole.
std::set<char> columns_of(const std::set<std::string>& norms) {
  std::set<char> columns;
  for (const std::string& path : norms) columns.insert(path[path.find("column") + 6]);
  return columns;
}

TEST(FractalNet, HalfOfTheBatchesSeeOneColumnAllThroughTheNetwork) {
  auto net = make("fractalnet40");
  const int n = 400;
  int global = 0, by_column[4] = {};
  for (int i = 0; i < n; ++i) {
    const auto run = norms_run(*net, uint64_t(i));
    const auto columns = columns_of(run);
    ASSERT_FALSE(columns.empty());
    for (int block = 1; block <= 5; ++block)  // something runs in each
      EXPECT_TRUE(
          run.lower_bound("block" + std::to_string(block) + ".") !=
          run.lower_bound("block" + std::to_string(block + 1) + "."));
    if (columns.size() > 1) continue;
    const int c = *columns.begin() - '0';
    EXPECT_EQ(run.size(), size_t(5 * (8 >> c))) << c;  // whole
    ++global;
    ++by_column[c];
  }
  EXPECT_NEAR(double(global) / n, 0.5, 4 * std::sqrt(0.25 / n));
  for (int count : by_column)
    EXPECT_NEAR(double(count) / n, 0.125, 4 * std::sqrt(0.125 * 0.875 / n));
}

// In the shallowest column a block loses its convolution where the average at its end drops it and
// another stays. With 0.15 for each of four inputs, and one that always stays, that is
// 0.15 - 0.15^4 / 4 of the batches that drop paths one by one.
TEST(FractalNet, AnAverageLosesEachInputAtTheRate) {
  auto net = make("fractalnet40");
  int blocks = 0, lost = 0;
  for (uint64_t i = 0; i < 800; ++i) {
    const auto run = norms_run(*net, i);
    if (columns_of(run).size() == 1) continue;
    for (int block = 1; block <= 5; ++block, ++blocks)
      lost += !run.contains("block" + std::to_string(block) + ".column3.0.bn");
  }
  const double expected = 0.15 - std::pow(0.15, 4) / 4;
  EXPECT_NEAR(double(lost) / blocks, expected, 4 * std::sqrt(expected * 0.85 / blocks));
}

}  // namespace
}  // namespace fovea::models
