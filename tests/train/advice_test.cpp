#include "fovea/train/advice.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "fovea/core/eval.h"
#include "fovea/ops/elementwise.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::train {
namespace {

Codes codes_of(const Tensor& values, const std::vector<int32_t>& labels) {
  Codes c;
  c.values = values;
  c.labels = Tensor::from<int32_t>(labels, {int64_t(labels.size())});
  return c;
}

std::vector<int32_t> in_turn(int64_t n, int32_t classes) {
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < n; ++i) labels.push_back(int32_t(i) % classes);
  return labels;
}

// Points of `classes` classes, the means of which are so far apart along axes of their own.
Codes clouds(int64_t n, int32_t classes, float apart, uint64_t seed) {
  const int64_t size = 8;
  std::vector<float> values = test::random_input({n, size}, seed).to_vector();
  const std::vector<int32_t> labels = in_turn(n, classes);
  for (int64_t i = 0; i < n; ++i) values[size_t(i * size + labels[size_t(i)])] += apart;
  return codes_of(Tensor::from(values, {n, size}), labels);
}

Separation apart(double right, double error = 0.01) {
  return {.pictures = 100, .classes = 5, .right = right, .error = error};
}

TEST(Separation, IsTheShareOfPicturesNearestToTheirOwnClass) {
  // Of class 0 the picture at 9 lies nearer to class 1, whose mean is 11.
  const Codes c = codes_of(Tensor::from<float>({0, 1, 9, 10, 11, 12}, {6, 1}), {0, 0, 0, 1, 1, 1});
  const Separation s = *separation_of(c);
  EXPECT_EQ(s.pictures, 6);
  EXPECT_EQ(s.classes, 2);
  EXPECT_NEAR(s.right, (2.0 / 3 + 1) / 2, 1e-12);
  EXPECT_EQ(s.chance(), 0.5);
  EXPECT_NEAR(s.closed(), 2.0 / 3, 1e-12);
  EXPECT_NEAR(s.error, std::sqrt(0.25 / 6), 1e-12);
}

TEST(Separation, TellsClassesApartOnlyWhereTheCodesDo) {
  for (int32_t classes : {2, 5}) {
    EXPECT_EQ(likeness_of(separation_of(clouds(60, classes, 3, 1))), Likeness::like);
    EXPECT_EQ(likeness_of(separation_of(clouds(60, classes, 0, 1))), Likeness::unlike);
  }
  // Scales and offsets of features do not matter.
  const Codes given = clouds(60, 5, 3, 1);
  const Tensor widths = Tensor::from<float>({1, 100, 1, 0.1f, 1, 1, 10, 1}, {8});
  const Codes scaled = codes_of((given.values * widths + 7).eval(), in_turn(60, 5));
  EXPECT_NEAR(separation_of(scaled)->right, separation_of(given)->right, 1e-9);
  // Features that say nothing at all.
  const Codes constant = codes_of(Tensor::from(std::vector<float>(40, 2), {10, 4}), in_turn(10, 2));
  EXPECT_EQ(likeness_of(separation_of(constant)), Likeness::unlike);
}

// The mean of a class without one of its pictures is one of fewer, and so farther from anything;
// uncorrected, that makes 6 % right of what is 25 % by chance here.
TEST(Separation, IsThatOfChanceForNoise) {
  double right = 0;
  constexpr int seeds = 20;
  for (uint64_t seed = 0; seed < seeds; ++seed)
    right += separation_of(codes_of(test::random_input({12, 100}, seed), in_turn(12, 4)))->right;
  EXPECT_NEAR(right / seeds, 0.25, 0.1);
}

TEST(Separation, OfTooFewIsUnknown) {
  const Tensor values = Tensor::from<float>({0, 1, 10, 11, 20}, {5, 1});
  EXPECT_FALSE(separation_of(codes_of(values, {0, 1, 2, 3, 4})));
  EXPECT_FALSE(separation_of(codes_of(values, {0, 0, 1, 2, 3})));
  const auto s = separation_of(codes_of(values, {0, 0, 1, 1, 2}));
  EXPECT_EQ(s->pictures, 4);
  EXPECT_EQ(s->right, 1);
  EXPECT_EQ(likeness_of(s), Likeness::unknown);  // one in 16 by chance
  EXPECT_EQ(likeness_of({}), Likeness::unknown);
  EXPECT_EQ(likeness_of(apart(0.9)), Likeness::like);
  EXPECT_EQ(likeness_of(apart(0.9, 0.4)), Likeness::unknown);
  EXPECT_EQ(likeness_of(apart(0.4)), Likeness::unlike);  // a quarter of the way
}

TEST(Separation, LooksAtSomeOfEachClass) {
  std::vector<int> labels(300, 0);
  labels.insert(labels.end(), 5, 1);
  labels.push_back(2);
  auto dataset = [](std::vector<int> given) {
    data::Pixels pixels{.height = 1, .width = 1, .channels = 1};
    pixels.bytes.resize(given.size());
    return data::make_pixel_dataset("test", {"a", "b", "c"}, std::move(pixels), std::move(given));
  };
  const data::DatasetPtr some = dataset(labels);
  const std::vector<int64_t> samples = separation_samples(*some, Key(1));
  EXPECT_EQ(samples, separation_samples(*some, Key(1)));
  EXPECT_EQ(std::set<int64_t>(samples.begin(), samples.end()).size(), samples.size());
  std::vector<int> counts(3);
  for (int64_t i : samples) ++counts[size_t(some->label(i))];
  EXPECT_EQ(counts, (std::vector<int>{128, 5, 0}));
  EXPECT_TRUE(separation_samples(*dataset({0, 0, 1, 2}), Key(1)).empty());
}

// DAT-40.
TEST(Advice, FollowsTheCoursesTable) {
  const std::vector<int64_t> few{150, 50}, many{1500, 500};
  EXPECT_EQ(advise(few, apart(0.8)).mode, "features");
  EXPECT_EQ(advise(many, apart(0.8)).mode, "all");
  EXPECT_EQ(advise(few, apart(0.25)).mode, "last");
  EXPECT_EQ(advise(many, apart(0.25)).mode, "all");
  EXPECT_EQ(advise(few, {}).mode, "features");
  EXPECT_FALSE(advise(std::vector<int64_t>{1999, 0}, {}).many);
}

TEST(Advice, GivesItsReasons) {
  const Advice a = advise(std::vector<int64_t>{12, 13, 4}, apart(0.52));
  EXPECT_EQ(a.smallest, 4);
  EXPECT_HAS(a.reason, "pictures of a class: 9.667 on the mean, 4 in the smallest, which is few");
  EXPECT_HAS(
      a.reason, "52 % of 100 pictures of 5 classes lie nearest to their own, and 20 % would");
  EXPECT_HAS(a.reason, "40 % of the way to all of them, so they are like what it knows");
  const std::string text = advice_text(a);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  EXPECT_EQ(std::count(text.begin(), text.end(), '>'), 1);
  EXPECT_HAS(text, "> few  like    --mode features");
  EXPECT_HAS(
      advice_text(advise(std::vector<int64_t>{9, 9}, apart(0.1))), "> few  unlike  --mode last");
  EXPECT_HAS(advise(std::vector<int64_t>{1, 1}, {}).reason, "cannot be told");
  EXPECT_HAS(advise(std::vector<int64_t>{2, 2}, apart(0.9, 0.4)).reason, "too few to tell");
}

}  // namespace
}  // namespace fovea::train
