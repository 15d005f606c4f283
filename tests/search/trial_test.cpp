#include "fovea/search/trial.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/search/halving.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::search {
namespace {

Trial trial(int64_t number, std::vector<double> accuracies, State state = State::done) {
  Trial t{.number = number, .state = state};
  for (double a : accuracies)
    t.epochs.push_back({.epoch = std::ssize(t.epochs) + 1, .val_loss = 1 - a, .val_top1 = a});
  return t;
}

// Table 1 of Li et al. 2018: R = 81, eta = 3.
TEST(Hyperband, HasTheBracketsOfThePaper) {
  const auto all = brackets(Stopping::hyperband, 81, 3);
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[0], (Bracket{81, {1, 3, 9, 27, 81}}));
  EXPECT_EQ(all[1], (Bracket{34, {3, 9, 27, 81}}));
  EXPECT_EQ(all[2], (Bracket{15, {9, 27, 81}}));
  EXPECT_EQ(all[3], (Bracket{8, {27, 81}}));
  EXPECT_EQ(all[4], (Bracket{5, {81}}));
  std::vector<int> left;
  for (int rung = 0; rung < 5; ++rung) left.push_back(survivors(81, rung, 3));
  EXPECT_EQ(left, (std::vector<int>{81, 27, 9, 3, 1}));
  EXPECT_EQ(survivors(2, 3, 3), 1);
}

TEST(Hyperband, ABracketFitsIntoTheTimeThatIsLeft) {
  const Bracket b{9, {1, 3, 9}};
  // 9 trials for 1 epoch, 3 for 2 more, 1 for 6 more: 21 epochs; two at a time 5 + 4 + 6.
  EXPECT_EQ(seconds_of(b, 9, {.seconds_per_epoch = 2}), 42);
  EXPECT_EQ(seconds_of(b, 9, {.jobs = 2, .seconds_per_epoch = 2}), 30);
  EXPECT_EQ(trials_that_fit(b, 9, {.seconds_per_epoch = 2}, 42), 9);
  EXPECT_EQ(trials_that_fit(b, 9, {.seconds_per_epoch = 2}, 41), 8);
  EXPECT_EQ(trials_that_fit(b, 9, {.seconds_per_epoch = 2}, 18), 1);
  EXPECT_EQ(trials_that_fit(b, 9, {.seconds_per_epoch = 2}, 17), 0);
}

TEST(Hyperband, FewEpochsAndOtherWays) {
  EXPECT_EQ(brackets(Stopping::hyperband, 1, 3), (std::vector<Bracket>{{1, {1}}}));
  EXPECT_EQ(brackets(Stopping::halving, 10, 3), (std::vector<Bracket>{{9, {1, 3, 10}}}));
  EXPECT_EQ(brackets(Stopping::none, 10, 3), (std::vector<Bracket>{{1, {10}}}));
  EXPECT_HAS(test::message_of([] { brackets(Stopping::none, 0, 3); }), "at least 1 epoch");
  EXPECT_HAS(test::message_of([] { stopping_of("early"); }), "hyperband, halving or none");
}

TEST(Ranking, GoesByTheBestEpochAndLeavesOutWhatFailed) {
  const Trial trials[] = {
      trial(1, {0.5, 0.9, 0.2}),
      trial(2, {0.6, 0.7}),
      trial(3, {0.95}, State::failed),
      trial(4, {}),
      trial(5, {NAN, 0.8})};
  EXPECT_EQ(ranking(trials, Measure::accuracy), (std::vector<size_t>{0, 4, 1}));
  EXPECT_EQ(ranking(trials, Measure::accuracy, 1), (std::vector<size_t>{1, 0}));
  EXPECT_EQ(ranking(trials, Measure::loss), (std::vector<size_t>{0, 4, 1}));
  EXPECT_NEAR(*score(trials[0], Measure::loss), 0.1, 1e-12);
  EXPECT_HAS(test::message_of([] { measure_of("test_top1"); }), "of the validation split");
}

TEST(Importance, FindsTheKeyThatMatters) {
  const Space space{
      {.key = "optimizer.lr", .scale = Scale::log, .low = 1e-4, .high = 1}, {.key = "optimizer.x"}};
  std::vector<Trial> trials;
  for (uint64_t i = 0; i < 24; ++i) {
    Trial t = trial(int64_t(i), {});
    t.values = draw(space, Key(5).fold_in(i));
    // Best in the middle of the range: no straight line would find it.
    const double off = space[0].share(t.values.at("optimizer.lr")) - 0.5;
    t.epochs.push_back({.epoch = 1, .val_loss = off * off, .val_top1 = 1 - off * off});
    trials.push_back(t);
  }
  const auto all = importance(trials, space, Measure::accuracy);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].key, "optimizer.lr");
  EXPECT_GT(all[0].share, 0.6);
  EXPECT_LT(all[1].share, 0.3);
  EXPECT_TRUE(importance(std::span(trials).first(5), space, Measure::accuracy).empty());
}

}  // namespace
}  // namespace fovea::search
