#include "fovea/data/balance.h"

#include "tests/data/files.h"

namespace fovea::data {
namespace {

TEST(Balance, WeightsMakeClassesEqual) {
  const std::vector<int64_t> counts{950, 40, 10};
  const std::vector<double> w = balanced_weights(counts);
  for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(w[c] * double(counts[c]), 1000.0 / 3, 1e-9);
  EXPECT_EQ(balanced_weights(std::vector<int64_t>{7, 7}), (std::vector<double>{1, 1}));
}

// By hand: 1 - 0.9^n is 0.1, 0.19 and 1 - 0.9^1000.
TEST(Balance, EffectiveNumbersLieBetweenEqualAndBalanced) {
  const std::vector<double> w = effective_weights(std::vector<int64_t>{1, 2, 1000}, 0.9);
  EXPECT_NEAR(w[0] / w[1], 1.9, 1e-12);
  EXPECT_NEAR(w[0] / w[2], 10, 1e-9);
  EXPECT_NEAR(w[0] + w[1] + w[2], 3, 1e-12);
  EXPECT_EQ(effective_weights(std::vector<int64_t>{5, 50}, 0), (std::vector<double>{1, 1}));
  const std::vector<double> near = effective_weights(std::vector<int64_t>{5, 50}, 1 - 1e-9);
  EXPECT_NEAR(near[0] / near[1], 10, 1e-5);
}

TEST(Balance, NamesTheClassWithoutSamples) {
  const std::vector<int64_t> counts{4, 0, 2};
  auto has = [](const auto& run, const char* part) {
    EXPECT_HAS(message_of<std::invalid_argument>(run), part);
  };
  has([&] { balanced_weights(counts); }, "of every class, got none of class 1");
  has([&] { effective_weights(counts); }, "of every class, got none of class 1");
  has([] { effective_weights(std::vector<int64_t>{1, 2}, 1); }, "beta in [0, 1), got 1");
  has([] { draw_balanced({}, 3, Key(1)); }, "a class with samples");
}

TEST(Balance, TellsOfClassesThatDifferMuch) {
  auto of = [](int large, int small) {
    std::vector<int> labels(size_t(large), 0);
    labels.resize(size_t(large + small), 1);
    return make_pixel_dataset(
        "pictures",
        {"cat", "owl", "yak"},
        {.height = 1, .width = 1, .channels = 1, .bytes = std::vector<uint8_t>(labels.size())},
        labels);
  };
  EXPECT_EQ(
      imbalance(*of(95, 5)),
      "the largest class, cat with 95 samples, has 19 times those of the smallest, owl with 5");
  EXPECT_EQ(imbalance(*of(24, 5)), std::nullopt);
  EXPECT_TRUE(imbalance(*of(25, 5)));
}

}  // namespace
}  // namespace fovea::data
