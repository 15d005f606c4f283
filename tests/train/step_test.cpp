#include "fovea/train/step.h"

#include <gtest/gtest.h>

#include "fovea/models/registry.h"
#include "fovea/nn/grad.h"
#include "fovea/ops/loss.h"
#include "fovea/optim/sgd.h"
#include "tests/support/check_op.h"

namespace fovea::train {
namespace {

// GoogLeNet's two heads count 0.3 each (Szegedy et al. 2015, section 5).
TEST(TrainStep, AuxiliaryHeadsAreInTheLossAndLearn) {
  models::Model m;
  m.architecture = {.name = "googlenet", .input = {32, 32, 3}, .classes = 10, .layers = {}};
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key(1));
  data::Batch batch;
  batch.images = test::random_input({4, 32, 32, 3}, 1);
  batch.labels = test::int_input({4}, 2, 0, 10);

  nn::Ctx ctx;
  ctx.training = true;
  ctx.key = Key(7);
  double expected =
      cross_entropy(nn::forward(*m.net, batch.images, ctx), batch.labels).item<double>();
  ASSERT_EQ(ctx.auxiliary.size(), 2u);
  for (const nn::AuxiliaryScores& a : ctx.auxiliary)
    expected += 0.3 * cross_entropy(a.scores, batch.labels).item<double>();

  const std::vector<float> before = nn::parameters(*m.net).at("aux1.fc2.weight").to_vector();
  optim::Sgd optimizer({.lr = 0.01});
  EXPECT_NEAR(train_step(m, optimizer, batch, Key(7)).loss, expected, 1e-5 * expected);
  EXPECT_NE(nn::parameters(*m.net).at("aux1.fc2.weight").to_vector(), before);
}

}  // namespace
}  // namespace fovea::train
