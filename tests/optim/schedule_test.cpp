#include "fovea/optim/schedule.h"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "tests/support/check_op.h"
#include "tests/support/fixture_tensors.h"

namespace fovea::optim {

namespace {

using test::message_of;

constexpr int64_t steps = 200;
const ScheduleContext context{.lr = 0.1, .total_steps = steps};

void expect_recorded(const Schedule& schedule, const std::string& name) {
  test::FixtureTensors file("optim_schedules.safetensors");
  std::vector<double> expected = file[name].to_doubles();
  for (int64_t i = 0; i < steps; ++i)
    ASSERT_NEAR(schedule.lr(i), expected[size_t(i)], 1e-12) << name << " at step " << i;
}

TEST(Schedule, EqualsPyTorch) {
  expect_recorded(*step_schedule(context, {.every = 15, .factor = 0.3}), "step");
  expect_recorded(
      *multistep_schedule(context, {.epochs = {10, 20, 45}, .factor = 0.2}), "multistep");
  expect_recorded(*exponential_schedule(context, {.rate = 0.02}), "exponential");
  expect_recorded(*cosine_schedule(context, {.min_lr = 0.001}), "cosine");
  expect_recorded(*one_cycle_schedule(context), "one_cycle");
  expect_recorded(
      *one_cycle_schedule(context, {.rise = 0.15, .start_div = 10, .end_div = 100}),
      "one_cycle_options");
  expect_recorded(
      *warmup_schedule(constant_schedule(context), {.steps = 20, .from = 0.1}), "warmup");
  expect_recorded(
      *warmup_schedule(multistep_schedule(context, {.epochs = {20, 60}}), {.steps = 25}),
      "warmup_multistep");
}

// Checks a plateau against the record; saves it and goes on with a new one at epoch `resume`.
void expect_recorded_plateau(const PlateauOptions& o, const std::string& name, int64_t resume) {
  test::FixtureTensors file("optim_schedules.safetensors");
  std::vector<double> expected = file[name].to_doubles(), metric = file["metric"].to_doubles();
  auto schedule = plateau_schedule(context, o);
  for (int64_t i = 0; i < steps; ++i) {
    ASSERT_NEAR(schedule->lr(i), expected[size_t(i)], 1e-12) << name << " at epoch " << i;
    if (i == resume) {
      auto state = schedule->state();
      schedule = plateau_schedule(context, o);
      schedule->load_state(state);
    }
    schedule->epoch_end(metric[size_t(i)]);
  }
}

TEST(Schedule, PlateauEqualsPyTorch) {
  for (int64_t resume : {-1, 0, 57}) {
    expect_recorded_plateau({.factor = 0.5, .patience = 3}, "plateau", resume);
    expect_recorded_plateau(
        {.factor = 0.3, .patience = 2, .threshold = 0.05, .cooldown = 4, .min_lr = 0.002},
        "plateau_options",
        resume);
  }
}

// Huang et al. 2017, equation 2, with T = 100 and M = 3: cycles of 34 steps.
TEST(Schedule, CosineRunsThroughItsCycles) {
  ScheduleContext c{.lr = 0.2, .total_steps = 100};
  auto schedule = cosine_schedule(c, {.cycles = 3});
  for (int64_t step : {0, 1, 33, 34, 60, 68, 99})
    EXPECT_NEAR(
        schedule->lr(step), 0.1 * (std::cos(std::numbers::pi * double(step % 34) / 34) + 1), 1e-15)
        << step;
  EXPECT_EQ(schedule->lr(34), 0.2);
  EXPECT_EQ(schedule->lr(100), 0);
  EXPECT_THROW(cosine_schedule(c, {.cycles = 0}), std::invalid_argument);
  EXPECT_THROW(cosine_schedule(c, {.cycles = 101}), std::invalid_argument);
}

TEST(Schedule, CountsEpochsInSteps) {
  ScheduleContext c{.lr = 1, .total_steps = 100, .steps_per_epoch = 10};
  auto step = step_schedule(c, {.every = 2, .factor = 0.5});
  EXPECT_EQ(step->lr(19), 1);
  EXPECT_EQ(step->lr(20), 0.5);
  auto multistep = multistep_schedule(c, {.epochs = {3}, .factor = 0.1});
  EXPECT_EQ(multistep->lr(29), 1);
  EXPECT_EQ(multistep->lr(30), 0.1);
  EXPECT_DOUBLE_EQ(exponential_schedule(c, {.rate = 0.5})->lr(15), std::exp(-0.75));
  EXPECT_DOUBLE_EQ(inverse_schedule(c, {.rate = 0.5})->lr(15), 1 / 1.75);  // OPT-15
  EXPECT_EQ(constant_schedule(c)->lr(77), 1);
}

TEST(Schedule, HoldsItsEnd) {
  EXPECT_DOUBLE_EQ(cosine_schedule(context, {.min_lr = 0.01})->lr(steps), 0.01);
  EXPECT_DOUBLE_EQ(cosine_schedule(context, {.min_lr = 0.01})->lr(3 * steps), 0.01);
  EXPECT_NEAR(one_cycle_schedule(context)->lr(steps + 5), 0.1 / 25 / 1e4, 1e-15);
}

TEST(Schedule, OneCycleOfAFewSteps) {
  for (int64_t n : {1, 2, 3, 4}) {
    auto schedule = one_cycle_schedule({.lr = 1, .total_steps = n});
    for (int64_t i = 0; i < n; ++i) {
      EXPECT_TRUE(std::isfinite(schedule->lr(i))) << i << " of " << n;
      EXPECT_LE(schedule->lr(i), 1);
    }
    EXPECT_NEAR(schedule->lr(n - 1), 1 / 25e4, 1e-12) << n;
  }
  auto rising = one_cycle_schedule({.lr = 1, .total_steps = 10}, {.rise = 1});
  EXPECT_NEAR(rising->lr(0), 1.0 / 25, 1e-15);
  EXPECT_DOUBLE_EQ(rising->lr(9), 1);
}

TEST(Schedule, WarmupPassesThePlateauOn) {
  auto schedule = warmup_schedule(plateau_schedule(context, {.patience = 0}), {.steps = 10});
  schedule->epoch_end(1);
  schedule->epoch_end(1);
  EXPECT_DOUBLE_EQ(schedule->lr(10), 0.01);
  EXPECT_DOUBLE_EQ(schedule->lr(0), 0.01 / 3);
  auto resumed = warmup_schedule(plateau_schedule(context, {.patience = 0}), {.steps = 10});
  resumed->load_state(schedule->state());
  EXPECT_EQ(resumed->state(), schedule->state());
}

TEST(Schedule, PlateauTakesNaNForNoImprovement) {
  auto schedule = plateau_schedule(context, {.patience = 1});
  for (int i = 0; i < 2; ++i) schedule->epoch_end(std::nan(""));
  EXPECT_DOUBLE_EQ(schedule->lr(0), 0.01);
  EXPECT_FALSE(schedule->state().contains("best"));
}

TEST(Schedule, RefusesForeignState) {
  EXPECT_EQ(
      message_of([] {
        constant_schedule(context)->load_state({{"lr", 1}});
      }),
      "[schedule] expected no state, since this schedule depends on the step alone, got \"lr\"; "
      "was it saved by another schedule?");
  EXPECT_EQ(
      message_of([] { plateau_schedule(context)->load_state({}); }),
      "[plateau] expected state with \"lr\"; was it saved by another schedule?");
}

TEST(Schedule, RefusesBadValues) {
  auto message = [](auto make) { return message_of([&] { make(); }); };
  EXPECT_EQ(
      message([] { constant_schedule({.lr = -1}); }),
      "[constant] expected a learning rate of 0 or more, got -1");
  EXPECT_EQ(
      message([] { cosine_schedule({.total_steps = 0}); }),
      "[cosine] expected a total_steps above 0, got 0");
  EXPECT_EQ(
      message([] { step_schedule({.steps_per_epoch = 0}); }),
      "[step] expected a steps_per_epoch above 0, got 0");
  EXPECT_EQ(
      message([] { step_schedule(context, {.every = 0}); }),
      "[step] expected an every above 0 epochs, got 0");
  EXPECT_EQ(
      message([] { step_schedule(context, {.factor = 1}); }),
      "[step] expected a factor between 0 and 1, got 1");
  EXPECT_EQ(
      message([] { multistep_schedule(context); }),
      "[multistep] expected at least one of epochs, got 0");
  EXPECT_EQ(
      message([] {
        multistep_schedule(context, {.epochs = {3, 2}});
      }),
      "[multistep] expected rising epochs, got 2");
  EXPECT_EQ(
      message([] { exponential_schedule(context, {.rate = -1}); }),
      "[exponential] expected a rate of 0 or more, got -1");
  EXPECT_EQ(
      message([] { inverse_schedule(context, {.rate = -1}); }),
      "[inverse] expected a rate of 0 or more, got -1");
  EXPECT_EQ(
      message([] { cosine_schedule(context, {.min_lr = 1}); }),
      "[cosine] expected a min_lr from 0 to lr, got 1");
  EXPECT_EQ(
      message([] { one_cycle_schedule(context, {.rise = 2}); }),
      "[one_cycle] expected a rise in [0, 1], got 2");
  EXPECT_EQ(
      message([] { one_cycle_schedule(context, {.start_div = 0}); }),
      "[one_cycle] expected a start_div of 1 or more, got 0");
  EXPECT_EQ(
      message([] { plateau_schedule(context, {.patience = -1}); }),
      "[plateau] expected a patience of 0 or more, got -1");
  EXPECT_EQ(
      message([] { plateau_schedule(context, {.threshold = 1}); }),
      "[plateau] expected a threshold in [0, 1), got 1");
  EXPECT_EQ(
      message([] { warmup_schedule(constant_schedule(context), {.steps = 1, .from = 2}); }),
      "[warmup] expected a from in [0, 1], got 2");
}

}  // namespace

}  // namespace fovea::optim
