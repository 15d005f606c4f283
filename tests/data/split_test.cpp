#include "fovea/data/split.h"

#include <algorithm>
#include <map>
#include <set>

#include "tests/data/files.h"

namespace fovea::data {
namespace {

std::vector<int64_t> joined(const Split& s) {
  std::multiset<int64_t> all(s.train.begin(), s.train.end());
  all.insert(s.val.begin(), s.val.end());
  return {all.begin(), all.end()};
}

std::vector<int64_t> range(int64_t n) {
  std::vector<int64_t> r;
  for (int64_t i = 0; i < n; ++i) r.push_back(i);
  return r;
}

// 90 samples of class 0 and 10 of class 1, in turns of ten.
DatasetPtr uneven() {
  Pixels pixels{.height = 1, .width = 1, .channels = 1};
  std::vector<int> labels;
  for (int i = 0; i < 100; ++i) {
    pixels.bytes.push_back(uint8_t(i));
    labels.push_back(i % 10 == 0);
  }
  return make_pixel_dataset("uneven", {"often", "rare"}, std::move(pixels), std::move(labels));
}

TEST(Permutation, IsOneAndDependsOnTheKey) {
  auto p = permutation(100, Key(3));
  EXPECT_EQ(p, permutation(100, Key(3)));
  EXPECT_NE(p, permutation(100, Key(4)));
  std::sort(p.begin(), p.end());
  EXPECT_EQ(p, range(100));
  EXPECT_TRUE(permutation(0, Key(3)).empty());
}

TEST(Permutation, EveryOrderIsAsLikely) {
  std::map<std::vector<int64_t>, int> seen;
  for (uint64_t i = 0; i < 6000; ++i) ++seen[permutation(3, Key(i))];
  ASSERT_EQ(seen.size(), 6u);
  for (const auto& [order, count] : seen) EXPECT_NEAR(count, 1000, 150);  // 5 standard deviations
}

TEST(SplitTest, IsDisjointAndCovers) {
  for (bool stratified : {false, true}) {
    auto s = split(*uneven(), Key(1), {.share = 0.25, .stratified = stratified});
    EXPECT_EQ(s.val.size(), 25u);
    EXPECT_EQ(joined(s), range(100));
    EXPECT_EQ(s.val, split(*uneven(), Key(1), {.share = 0.25, .stratified = stratified}).val);
    EXPECT_NE(s.val, split(*uneven(), Key(2), {.share = 0.25, .stratified = stratified}).val);
  }
}

TEST(SplitTest, StratifiedKeepsTheShareOfEachClass) {
  auto data = uneven();
  auto s = split(*data, Key(1), {.share = 0.2});
  EXPECT_EQ(class_counts(*subset(data, s.val)), (std::vector<int64_t>{18, 2}));
}

TEST(SplitTest, RefusesSharesThatLeaveNothing) {
  for (double share : {0.0, 1.0, -0.5, 0.001})
    EXPECT_HAS(
        message_of<std::invalid_argument>([&] { split(*uneven(), Key(1), {.share = share}); }),
        "[split] expected a share in (0, 1)");
}

TEST(KFolds, AreDisjointAndCover) {
  auto data = uneven();
  for (bool stratified : {false, true})
    for (int k : {2, 3, 5, 7}) {
      std::multiset<int64_t> all;
      for (const auto& fold : k_folds(*data, k, Key(9), stratified)) {
        EXPECT_EQ(joined(fold), range(100));
        EXPECT_NEAR(double(fold.val.size()), 100.0 / k, 1);
        all.insert(fold.val.begin(), fold.val.end());
        if (stratified) {
          EXPECT_NEAR(class_counts(*subset(data, fold.val))[1], 10.0 / k, 1);
        }
      }
      EXPECT_EQ((std::vector<int64_t>(all.begin(), all.end())), range(100));
    }
  EXPECT_HAS(message_of<std::invalid_argument>([&] { k_folds(*data, 1, Key()); }), "2 <= k <= 100");
}

TEST(WithValidation, TakesFromTrainOnly) {
  Source source;
  source.train = uneven();
  source.test = uneven();
  source.classes = source.train->classes();
  auto with = with_validation(source, Key(5), {.share = 0.1});
  EXPECT_EQ(with.train->size(), 90);
  EXPECT_EQ(with.val->size(), 10);
  EXPECT_EQ(with.test, source.test);
  EXPECT_NE(fingerprint(*with.train), fingerprint(*source.train));
  EXPECT_HAS(
      message_of<std::invalid_argument>([&] { with_validation(with, Key(5)); }), "with both");
}

TEST(WithFold, FoldsAreDisjointAndCoverTheTrainingSplit) {
  Source source;
  source.train = uneven();
  source.val = source.test = uneven();
  source.classes = source.train->classes();
  std::multiset<std::string> judged;
  for (int f = 1; f <= 4; ++f) {
    const Source s = with_fold(source, Key(5), {.number = f, .of = 4});
    EXPECT_EQ(s.train->size() + s.val->size(), 100);
    EXPECT_EQ(s.test, source.test);
    EXPECT_NEAR(double(class_counts(*s.val)[1]), 2.5, 1);  // classes as in the whole
    for (int64_t i = 0; i < s.val->size(); ++i) judged.insert(s.val->sample_name(i));
  }
  EXPECT_EQ(judged.size(), 100u);
  EXPECT_EQ(std::set<std::string>(judged.begin(), judged.end()).size(), 100u);
  EXPECT_HAS(
      message_of<std::invalid_argument>([&] { with_fold(source, Key(5), {.number = 5, .of = 4}); }),
      "expected a fold from 1 to 4, got 5");
}

TEST(Subset, MapsSamplesAndLabels) {
  auto part = subset(uneven(), {10, 3, 10}, "part");
  EXPECT_EQ(part->size(), 3);
  EXPECT_EQ(part->name(), "part");
  EXPECT_EQ(part->label(0), 1);
  EXPECT_EQ(part->label(1), 0);
  EXPECT_EQ(part->image(1).at(0, 0), 3);
  EXPECT_EQ(part->sample_name(2), "uneven #10");
  EXPECT_TRUE(part->in_memory());
  EXPECT_THROW(part->image(3), std::out_of_range);
  EXPECT_HAS(
      message_of<std::out_of_range>([&] { subset(uneven(), {100}); }),
      "in [0, 100) of uneven, got 100");
}

TEST(PixelDataset, RefusesWhatDoesNotFit) {
  auto make = [](size_t bytes, std::vector<int> labels) {
    Pixels pixels{.height = 1, .width = 2, .channels = 1, .bytes = std::vector<uint8_t>(bytes)};
    return message_of<std::invalid_argument>([&] {
      make_pixel_dataset("x", {"a", "b"}, std::move(pixels), std::move(labels));
    });
  };
  EXPECT_HAS(make(3, {0, 1}), "expected 2 pictures of 2 bytes, got 3 bytes");
  EXPECT_HAS(make(4, {0, 2}), "expected labels in [0, 2), got 2 at sample 1");
  EXPECT_EQ(make(4, {0, 1}), "");
}

TEST(PixelDataset, HashFollowsPixelsAndLabels) {
  auto make = [](uint8_t pixel, int label) {
    Pixels pixels{.height = 1, .width = 1, .channels = 1, .bytes = {pixel}};
    return make_pixel_dataset("x", {"a", "b"}, std::move(pixels), {label})->hash();
  };
  EXPECT_EQ(make(1, 0), make(1, 0));
  EXPECT_NE(make(1, 0), make(2, 0));
  EXPECT_NE(make(1, 0), make(1, 1));
}

}  // namespace
}  // namespace fovea::data
