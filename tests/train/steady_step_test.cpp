#include <gtest/gtest.h>

#include "fovea/backend/cpu/engine.h"
#include "fovea/core/allocator.h"
#include "fovea/models/registry.h"
#include "fovea/optim/sgd.h"
#include "fovea/train/step.h"
#include "tests/support/check_op.h"

namespace fovea::train {
namespace {

struct Counts {
  int64_t live, cached, system_allocations, primitives;
};
Counts counts() {
  const MemoryStats s = host_allocator().stats();
  return {s.live, s.cached, s.system_allocations, cpu::primitives_made()};
}

models::Model make_model(const char* name, const Shape& input) {
  models::Model m;
  m.architecture = {.name = name, .input = input, .classes = 10, .layers = {}};
  m.net = models::build(m.architecture);
  nn::initialize(*m.net, Key(1));
  return m;
}

// Once everything has its shape, a step asks the system for no memory, makes no primitive, and
// leaves behind what it found.
TEST(SteadyStep, AllocatesNothingAndMakesNoPrimitive) {
  models::Model m = make_model("convnet", {32, 32, 3});
  optim::Sgd optimizer({.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4});
  data::Batch batch;
  batch.images = test::random_input({4, 32, 32, 3}, 1);
  batch.labels = test::int_input({4}, 2, 0, 10);
  auto step = [&](int i) { train_step(m, optimizer, batch, Key(uint64_t(i))); };
  for (int i = 0; i < 4; ++i) step(i);
  const Counts before = counts();
  for (int i = 4; i < 100; ++i) step(i);
  const Counts after = counts();
  EXPECT_EQ(after.live, before.live);
  EXPECT_EQ(after.cached, before.cached);
  EXPECT_EQ(after.system_allocations, before.system_allocations);
  EXPECT_EQ(after.primitives, before.primitives);
}

}  // namespace
}  // namespace fovea::train
