#include <gtest/gtest.h>

#include "fovea/core/device.h"
#include "fovea/models/registry.h"
#include "fovea/optim/sgd.h"
#include "fovea/train/step.h"
#include "tests/support/check_op.h"

namespace fovea::train {
namespace {

// All parameters after a few steps.
std::vector<std::vector<float>> trained() {
  models::Model m;
  m.architecture = {.name = "convnet", .input = {32, 32, 3}, .classes = 10, .layers = {}};
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key(1));
  optim::Sgd optimizer({.lr = 0.05, .momentum = 0.9});
  data::Batch batch;
  batch.images = test::random_input({7, 32, 32, 3}, 1);
  batch.labels = test::int_input({7}, 2, 0, 10);
  for (int i = 0; i < 3; ++i) train_step(m, optimizer, batch, Key(uint64_t(i)));
  std::vector<std::vector<float>> values;
  for (const auto& [name, t] : nn::parameters(*m.net)) values.push_back(t.to_vector());
  return values;
}

TEST(Determinism, StrictGivesTheSameBitsForAnyNumberOfThreads) {
  set_determinism(Determinism::strict);
  set_threads(1);
  const auto expected = trained();
  for (int n : {2, 3, 0}) {
    set_threads(n);
    EXPECT_EQ(trained(), expected) << n;
  }
  set_determinism(Determinism::usual);
}

TEST(Determinism, UsualGivesTheSameBitsForEqualThreads) {
  const int before = threads();
  for (int n : {1, 3}) {
    set_threads(n);
    EXPECT_EQ(trained(), trained()) << n;
  }
  set_threads(before);
}

}  // namespace
}  // namespace fovea::train
