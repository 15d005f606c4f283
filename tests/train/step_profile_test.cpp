#include "fovea/train/step_profile.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "fovea/models/registry.h"
#include "tests/support/folder.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

class StepProfileTest : public test::FolderTest {};

models::Model lenet() {
  models::Model m;
  m.architecture = {.name = "lenet5", .input = {28, 28, 1}, .classes = 10, .layers = {}};
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key(1));
  return m;
}

const LayerCost* find(const StepProfile& p, const std::string& path, const std::string& op) {
  for (const LayerCost& c : p.layers)
    if (c.path == path && c.op == op) return &c;
  return nullptr;
}

TEST_F(StepProfileTest, CountsTheWorkOfEachLayer) {
  models::Model m = lenet();
  const StepProfile p = profile_inference(m, {.batch = 2, .steps = 3, .warmup = 1});
  EXPECT_EQ(p.seconds.size(), 3u);
  const LayerCost* conv = find(p, "conv2", "conv2d_relu");
  ASSERT_TRUE(conv);
  EXPECT_EQ(conv->calls, 1);
  EXPECT_EQ(conv->flops, 2.0 * 2 * 10 * 10 * 16 * 5 * 5 * 6);
  EXPECT_GT(p.kernel_seconds(), 0);
  EXPECT_GT(p.peak.fma, 0);
  const StepProfile training = profile_training(m, {.batch = 2, .steps = 2, .warmup = 1});
  EXPECT_GT(training.flops(), 2.5 * p.flops());
  EXPECT_TRUE(find(training, "conv2", "conv2d_weights"));
}

TEST_F(StepProfileTest, OfARecipeRunsItsOwnSteps) {
  const StepProfile p = profile_recipe(small_recipe(path("runs")), {.steps = 15});
  EXPECT_EQ(p.batch, 20);
  EXPECT_EQ(p.seconds.size(), 15u);  // more than an epoch has
  EXPECT_FALSE(std::filesystem::exists(path("runs")));
}

TEST_F(StepProfileTest, NamesWhatBindsALayer) {
  const Peak peak{.fma = 100, .sgemm = 100, .memory = 10};
  const LayerCost conv{"a", "conv2d", "", 1, 0.02, 1e9, 1e6};
  EXPECT_EQ(bound_of(conv, peak), Bound::arithmetic);
  EXPECT_DOUBLE_EQ(share_of_peak(conv, peak), 0.5);
  const LayerCost copy{"b", "add", "", 1, 0.2, 1e6, 1e9};
  EXPECT_EQ(bound_of(copy, peak), Bound::memory);
  EXPECT_DOUBLE_EQ(share_of_peak(copy, peak), 0.5);
  EXPECT_EQ(bound_of({"c", "add", "", 1, 5e-6, 10, 100}, peak), Bound::overhead);
}

TEST_F(StepProfileTest, IsShownAsTextAndAsAPage) {
  models::Model m = lenet();
  const StepProfile p = profile_inference(m, {.batch = 1, .steps = 1, .warmup = 0});
  const std::string text = profile_text(p, 2);
  EXPECT_NE(text.find("lenet5, inference, batch 1"), std::string::npos) << text;
  EXPECT_NE(text.find("bound by"), std::string::npos) << text;
  write_profile_html(p, path("p.html"));
  EXPECT_NE(read("p.html").find("operations per byte"), std::string::npos);
  EXPECT_NE(read("p.html").find("conv2"), std::string::npos);
}

}  // namespace
}  // namespace fovea::train
