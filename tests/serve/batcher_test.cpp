#include "fovea/serve/batcher.h"

#include <algorithm>
#include <future>

#include <gtest/gtest.h>

#include "tests/serve/tiny.h"

namespace fovea::test {
namespace {

using serve::Batcher;
using serve::BatcherOptions;

// Sizes of the batches that ran.
struct Ran {
  std::mutex mutex;
  std::vector<int> sizes;

  std::function<void(int)> listener() {
    return [this](int n) {
      const std::scoped_lock lock(mutex);
      sizes.push_back(n);
    };
  }
};

std::future<train::Prediction> ask_later(Batcher& batcher, uint64_t seed, int k = 6) {
  return std::async(std::launch::async, [&batcher, seed, k] {
    return batcher.predict(batcher.views(picture(seed)), k);
  });
}

void wait_until_waiting(const Batcher& batcher, size_t n) {
  while (batcher.waiting() != n) std::this_thread::yield();
}

void expect_same(const train::Prediction& got, const train::Prediction& wanted) {
  EXPECT_EQ(got.classes, wanted.classes);
  ASSERT_EQ(got.probabilities.size(), wanted.probabilities.size());
  for (size_t i = 0; i < wanted.probabilities.size(); ++i)
    EXPECT_NEAR(got.probabilities[i], wanted.probabilities[i], 1e-6);
}

TEST(Batcher, SixteenThreadsGetTheAnswersOfPredict) {
  const models::Model model = tiny_model();
  std::vector<train::Prediction> wanted;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    const image::Image one = picture(seed);
    wanted.push_back(train::predict(model, {&one, 1}, 6)[0]);
  }
  ASSERT_NE(wanted[0].probabilities, wanted[1].probabilities);
  Batcher batcher(model, {.workers = 3, .batch = 5, .wait = 0.2});
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 16; ++t)
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 10; ++i) {
        const uint64_t seed = (t + i) % 16;
        expect_same(batcher.predict(batcher.views(picture(seed)), 6), wanted[seed]);
      }
    });
  for (std::thread& t : threads) t.join();
}

TEST(Batcher, JoinsPicturesUpToAFullBatch) {
  const models::Model model = tiny_model();
  Ran ran;
  // Only a full batch can be why nobody waits for a minute.
  Batcher batcher(model, {.workers = 2, .batch = 4, .wait = 60'000, .ran = ran.listener()});
  std::vector<std::future<train::Prediction>> answers;
  for (uint64_t i = 0; i < 4; ++i) answers.push_back(ask_later(batcher, i, int(i) + 1));
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(answers[i].get().classes.size(), i + 1);
  EXPECT_EQ(ran.sizes, std::vector<int>{4});
}

TEST(Batcher, TakesSizesThatItIsFrozenFor) {
  const models::Model model = tiny_model();
  EXPECT_EQ(serve::batch_sizes(model, {.batch = 1}), (std::vector<size_t>{1}));
  EXPECT_EQ(serve::batch_sizes(model, {.batch = 8}), (std::vector<size_t>{1, 2, 4, 8}));
  EXPECT_EQ(serve::batch_sizes(model, {.batch = 6}), (std::vector<size_t>{1, 2, 4, 6}));
  Ran ran;
  std::vector<std::future<train::Prediction>> answers;
  {
    Batcher batcher(model, {.workers = 1, .batch = 8, .wait = 60'000, .ran = ran.listener()});
    for (uint64_t i = 0; i < 7; ++i) answers.push_back(ask_later(batcher, i));
    wait_until_waiting(batcher, 7);
  }  // its end waits for nobody, and answers all
  for (auto& answer : answers) EXPECT_EQ(answer.get().classes.size(), 6u);
  EXPECT_EQ(ran.sizes, (std::vector<int>{4, 2, 1}));
}

TEST(Batcher, RefusesMoreThanMayWait) {
  const models::Model model = tiny_model();
  std::future<train::Prediction> first, second;
  {
    Batcher batcher(model, {.batch = 3, .queue = 2, .wait = 60'000});
    first = ask_later(batcher, 1);
    second = ask_later(batcher, 2);
    wait_until_waiting(batcher, 2);
    EXPECT_THROW(batcher.predict(batcher.views(picture(3)), 1), serve::Busy);
  }
  EXPECT_EQ(first.get().classes.size(), 6u);
  EXPECT_EQ(second.get().classes.size(), 6u);
}

TEST(Batcher, RefusesWhatCannotBeServed) {
  models::Model model = tiny_model();
  EXPECT_THROW(Batcher(model, {.workers = 0}), std::invalid_argument);
  EXPECT_THROW(Batcher(model, {.batch = 0}), std::invalid_argument);
  EXPECT_THROW(Batcher(model, {.wait = -1}), std::invalid_argument);
  model.one_by_one = true;
  EXPECT_EQ(serve::batch_sizes(model, {}), (std::vector<size_t>{1}));
  model.preprocess = {};
  EXPECT_THROW(Batcher(model, {}), std::invalid_argument);  // pictures of any size
}

}  // namespace
}  // namespace fovea::test
