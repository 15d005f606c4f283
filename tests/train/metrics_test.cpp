#include "fovea/train/metrics.h"

#include <array>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::train {
namespace {

// Six samples of three classes: truth 0 0 0 1 1 2, predicted 0 0 1 1 2 2.
Evaluation small(int keep = 24) {
  Tally tally({"cat", "dog", "owl"}, keep);
  tally.add(
      Tensor::from({3.f, 0.f, 0.f, 2.f, 1.f, 0.f, 0.f, 4.f, 0.f}, {3, 3}),
      Tensor::from({0, 0, 0}, {3}),
      std::vector<int64_t>{10, 11, 12});
  tally.add(
      Tensor::from({0.f, 1.f, 0.f, 0.f, 1.f, 2.f, 0.f, 0.f, 5.f}, {3, 3}),
      Tensor::from({1, 1, 2}, {3}),
      std::vector<int64_t>{13, 14, 15});
  return tally.result();
}

TEST(Tally, CountsByHand) {
  Evaluation e = small();
  EXPECT_EQ(e.samples, 6);
  EXPECT_EQ(e.correct(), 4);
  EXPECT_DOUBLE_EQ(e.top1, 4.0 / 6);
  EXPECT_DOUBLE_EQ(e.top5, 1);  // of three classes
  EXPECT_DOUBLE_EQ(e.balanced, (2.0 / 3 + 0.5 + 1) / 3);
  EXPECT_EQ(e.confusion, (std::vector<int64_t>{2, 1, 0, 0, 1, 1, 0, 0, 1}));
  ASSERT_EQ(e.rows.size(), 3u);
  EXPECT_EQ(e.rows[0].name, "cat");
  EXPECT_EQ(e.rows[0].count, 3);
  EXPECT_DOUBLE_EQ(e.rows[0].precision, 1);
  EXPECT_DOUBLE_EQ(e.rows[0].recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(e.rows[0].f1, 0.8);
  EXPECT_DOUBLE_EQ(e.rows[1].precision, 0.5);
  EXPECT_DOUBLE_EQ(e.rows[1].recall, 0.5);
  EXPECT_DOUBLE_EQ(e.rows[2].precision, 0.5);
  EXPECT_DOUBLE_EQ(e.rows[2].recall, 1);
}

TEST(Tally, LossIsTheMeanCrossEntropy) {
  auto nll = [](double a, double b, double truth) {
    return std::log(std::exp(a) + std::exp(b) + 1) - truth;
  };
  double expected =
      nll(3, 0, 3) + nll(2, 1, 2) + nll(0, 4, 0) + nll(0, 1, 1) + nll(1, 2, 1) + nll(0, 5, 5);
  EXPECT_NEAR(small().loss, expected / 6, 1e-12);
}

TEST(Tally, MistakesComeWorstFirst) {
  Evaluation e = small();
  ASSERT_EQ(e.mistakes.size(), 2u);
  EXPECT_EQ(e.mistakes[0].index, 12);
  EXPECT_EQ(e.mistakes[0].truth, 0);
  EXPECT_EQ(e.mistakes[0].predicted, 1);
  EXPECT_NEAR(e.mistakes[0].probability, std::exp(4) / (std::exp(4) + 2), 1e-12);
  EXPECT_EQ(e.mistakes[1].index, 14);
  EXPECT_EQ(small(1).mistakes.size(), 1u);
  EXPECT_EQ(small(0).mistakes.size(), 0u);
}

// Among equal scores the lower class number counts as higher.
TEST(Tally, TiesGoToTheLowerClass) {
  Tally tally({"a", "b", "c", "d", "e", "f", "g"});
  tally.add(
      Tensor::from(std::vector<float>(21, 1.f), {3, 7}),
      Tensor::from({0, 4, 5}, {3}),
      std::vector<int64_t>{0, 1, 2});
  Evaluation e = tally.result();
  EXPECT_DOUBLE_EQ(e.top1, 1.0 / 3);
  EXPECT_DOUBLE_EQ(e.top5, 2.0 / 3);
}

TEST(Tally, LargeScoresDoNotOverflow) {
  Tally tally({"a", "b"});
  tally.add(Tensor::from({1e5f, -1e5f}, {1, 2}), Tensor::from({1}, {1}), std::vector<int64_t>{0});
  EXPECT_DOUBLE_EQ(tally.result().loss, 2e5);
}

TEST(Tally, NothingSeenIsNotADivisionByZero) {
  Evaluation e = Tally({"a", "b"}).result();
  EXPECT_EQ(e.samples, 0);
  EXPECT_EQ(e.top1, 0);
  EXPECT_EQ(e.loss, 0);
  EXPECT_EQ(e.rows[0].f1, 0);
  EXPECT_HAS(
      test::message_of([] {
        Tally({"a", "b"})
            .add(
                Tensor::from({1.f, 2.f, 3.f}, {1, 3}),
                Tensor::from({1}, {1}),
                std::vector<int64_t>{0});
      }),
      "[evaluate] expected scores (N, 2), got (1, 3)");
}

// A graph may say inside how many pictures it takes; the rows behind its own are not there.
TEST(Tally, NeedsARowForEachPicture) {
  EXPECT_HAS(
      test::message_of([] {
        Tally({"a", "b"})
            .add(
                Tensor::from({1.f, 2.f}, {1, 2}),
                Tensor::from({1, 0, 1}, {3}),
                std::vector<int64_t>{0, 1, 2});
      }),
      "expected a row for each of 3 pictures, got (1, 2); the graph fixes the number of pictures "
      "inside: export it with a free batch");
}

TEST(Tally, RefusesScoresWithoutAHighest) {
  const float nan = std::nanf(""), inf = INFINITY;
  auto add = [](std::array<float, 2> row) {
    Tally tally({"a", "b"});
    tally.add(
        Tensor::from({0.f, 1.f, row[0], row[1]}, {2, 2}),
        Tensor::from({1, 1}, {2}),
        std::vector<int64_t>{70, 71});
    return tally.result();
  };
  for (const std::array row : {std::array{0.f, nan}, {nan, 0.f}, {inf, 0.f}, {-inf, -inf}}) {
    try {
      add(row);
      ADD_FAILURE() << row[0] << ", " << row[1] << " was taken";
    } catch (const NonFiniteScores& e) {
      EXPECT_EQ(e.picture(), 71);
      EXPECT_HAS(e.what(), "for picture 71, counted from 0");
    }
  }
  EXPECT_EQ(add({-inf, 0.f}).top1, 1);  // a probability of 0
}

}  // namespace
}  // namespace fovea::train
