#include "fovea/data/statistics.h"

#include <algorithm>
#include <cmath>

#include "fovea/core/random.h"
#include "fovea/data/digits.h"
#include "fovea/data/source.h"
#include "tests/data/files.h"

namespace fovea::data {
namespace {

constexpr int n = 400, d = 3;

// Correlated vectors with a mean: x = A g + m, g normal.
Tensor vectors(uint64_t seed) {
  Rng rng{Key(seed)};
  std::vector<float> x;
  for (int i = 0; i < n; ++i) {
    double a = rng.normal(), b = rng.normal(), c = rng.normal();
    for (double v : {3 * a + 1, a + 0.5 * b - 4, 0.2 * a - b + 0.3 * c + 2}) x.push_back(float(v));
  }
  return Tensor::from(x, {n, d});
}

// Means and covariance (D, D) of the columns, divided by N.
struct Moments {
  double mean[d] = {}, covariance[d][d] = {};
  explicit Moments(const Tensor& x) {
    auto v = x.data<float>();
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < d; ++j) mean[j] += double(v[size_t(i * d + j)]) / n;
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < d; ++j)
        for (int k = 0; k < d; ++k)
          covariance[j][k] +=
              (v[size_t(i * d + j)] - mean[j]) * (v[size_t(i * d + k)] - mean[k]) / n;
  }
};

TEST(FeatureStats, CentringMakesColumnMeansZero) {  // DAT-17
  auto x = vectors(1);
  auto stats = feature_stats(x);
  EXPECT_NEAR(stats.mean[1], -4, 0.5);
  Moments m(stats.centre(x));
  for (double mean : m.mean) EXPECT_NEAR(mean, 0, 1e-6);
}

TEST(FeatureStats, CentringByOneValue) {  // DAT-18
  auto x = vectors(1);
  auto stats = feature_stats(x);
  Moments before(x), after(stats.centre_total(x));
  EXPECT_NEAR(after.mean[0] + after.mean[1] + after.mean[2], 0, 1e-5);
  EXPECT_NEAR(after.mean[0] - after.mean[1], before.mean[0] - before.mean[1], 1e-5);
}

TEST(FeatureStats, StandardisingMakesDeviationsOne) {  // DAT-21
  auto x = vectors(1);
  Moments m(feature_stats(x).standardise(x));
  for (int j = 0; j < d; ++j) EXPECT_NEAR(m.covariance[j][j], 1, 1e-5);
  auto constant = Tensor::from({1.0f, 2.0f, 1.0f, 3.0f}, {2, 2});
  auto message =
      message_of<std::invalid_argument>([&] { feature_stats(constant).standardise(constant); });
  EXPECT_HAS(message, "feature 0 is constant; set eps above 0");
  EXPECT_EQ(feature_stats(constant).standardise(constant, 1e-3).to_vector()[0], 0);
}

TEST(FeatureStats, RangeBecomesMinusOneToOne) {  // DAT-22
  auto x = vectors(1);
  auto stats = feature_stats(feature_stats(x).to_range(x));
  for (int j = 0; j < d; ++j) {
    EXPECT_FLOAT_EQ(float(stats.min[j]), -1);
    EXPECT_FLOAT_EQ(float(stats.max[j]), 1);
  }
}

TEST(FeatureStats, OtherSplitsGetTheStatisticsOfTrain) {  // E-14
  auto train = vectors(1), test = vectors(2);
  auto y = feature_stats(train).centre(test).to_vector();
  auto stats = feature_stats(train);
  EXPECT_FLOAT_EQ(y[4], test.to_vector()[4] - float(stats.mean[1]));
  EXPECT_HAS(
      message_of<std::invalid_argument>([&] {
        stats.centre(Tensor::empty({2, 4}));
      }),
      "[centre] expected (N, 3) with N > 0, got f32 (2, 4)");
}

TEST(ChannelStats, AreThoseOfAllPixels) {  // DAT-20
  auto data = counting_dataset(20, 5, 4, 3, 2);
  Preprocess p;
  std::vector<double> sum(3), squares(3);
  for (int i = 0; i < 20; ++i) {
    auto image = data->image(i);
    for (size_t k = 0; k < image.pixels.size(); ++k) {
      sum[k % 3] += image.pixels[k] / 255.0;
      squares[k % 3] += std::pow(image.pixels[k] / 255.0, 2);
    }
  }
  for (int threads : {1, 3}) {
    auto stats = channel_stats(*data, p, threads);
    EXPECT_EQ(stats.images, 20);
    EXPECT_EQ(stats.pixels, 400);
    for (size_t c = 0; c < 3; ++c) {
      double mean = sum[c] / 400;
      EXPECT_NEAR(stats.mean[c], mean, 1e-12);
      EXPECT_NEAR(stats.std[c], std::sqrt(squares[c] / 400 - mean * mean), 1e-9);
    }
  }
  p.bgr = true;
  EXPECT_EQ(channel_stats(*data, p).mean[0], channel_stats(*data, {}).mean[2]);
}

TEST(ChannelStats, OfTheDigits) {
  Preprocess p;
  p.channels = 1;
  auto stats = channel_stats(*digits().train, p, 2);
  EXPECT_NEAR(stats.mean[0], 0.1307, 0.002);  // the well-known values of all 60,000
  EXPECT_NEAR(stats.std[0], 0.3081, 0.002);
  EXPECT_EQ(stats.min[0], 0);
  EXPECT_EQ(stats.max[0], 1);
}

TEST(PixelStats, IsTheMeanImage) {  // DAT-19, E-15
  auto data = counting_dataset(20, 5, 4, 3, 2);
  std::vector<double> mean(60), std(60);
  for (int i = 0; i < 20; ++i)
    for (size_t k = 0; k < 60; ++k) mean[k] += data->image(i).pixels[k] / 255.0 / 20;
  for (int i = 0; i < 20; ++i)
    for (size_t k = 0; k < 60; ++k)
      std[k] += std::pow(data->image(i).pixels[k] / 255.0 - mean[k], 2) / 20;
  for (int threads : {1, 4}) {
    auto stats = pixel_stats(*data, {}, threads);
    EXPECT_EQ(stats.mean.shape(), (Shape{5, 4, 3}));
    EXPECT_EQ(stats.images, 20);
    for (size_t k = 0; k < 60; ++k) {
      EXPECT_NEAR(stats.mean.data<float>()[k], mean[k], 1e-6);
      EXPECT_NEAR(stats.std.data<float>()[k], std::sqrt(std[k]), 1e-6);
    }
  }
}

class UnevenTest : public FolderTest {};

TEST_F(UnevenTest, PicturesNeedOneSizeForAMeanImage) {
  write_ppm("a/0.ppm", 1, 1, 1, 2, 2);
  write_ppm("b/0.ppm", 1, 1, 1, 2, 3);
  write("b/1.ppm", "garbage");
  auto source = open(path());
  for (int threads : {1, 2})
    EXPECT_HAS(
        message_of<std::invalid_argument>([&] { pixel_stats(*source.train, {}, threads); }),
        "expected pictures of one size");
  EXPECT_EQ(channel_stats(*source.train, {}).images, 2);
  auto none = subset(source.train, {2});
  EXPECT_HAS(
      message_of<std::invalid_argument>([&] { channel_stats(*none, {}); }),
      "expected readable pictures");
}

TEST(StandardiseImages, EveryPictureOnItsOwn) {
  std::vector<float> x;
  for (int i = 0; i < 24; ++i) x.push_back(float(i * i));
  x.resize(36, 5.0f);  // the third picture is even
  auto y = standardise_images(Tensor::from(x, {3, 2, 2, 3})).to_vector();
  for (size_t i = 0; i < 2; ++i) {
    double sum = 0, squares = 0;
    for (size_t k = 12 * i; k < 12 * i + 12; ++k) sum += y[k], squares += y[k] * y[k];
    EXPECT_NEAR(sum, 0, 1e-5);
    EXPECT_NEAR(squares, 12, 1e-4);
  }
  EXPECT_EQ(y[30], 0);
  EXPECT_THROW(standardise_images(Tensor::empty({2, 3})), std::invalid_argument);
}

TEST(ColorPca, FindsTheAxisOfGreys) {
  auto pca = color_pca(*digits().test);
  EXPECT_NEAR(std::abs(pca.vectors[0][0]), std::sqrt(1.0 / 3), 1e-6);
  EXPECT_NEAR(pca.vectors[0][1], pca.vectors[0][2], 1e-6);
  EXPECT_NEAR(pca.values[1], 0, 1e-9);
}

}  // namespace
}  // namespace fovea::data
