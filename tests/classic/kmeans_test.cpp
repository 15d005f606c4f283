#include "fovea/classic/kmeans.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/join.h"
#include "fovea/ops/slice.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea::classic {
namespace {

using test::message_of;
using test::random_input;

TEST(SquaredDistances, AgreeWithTheSumOfSquares) {
  test::check_op(
      {.name = "squared_distances",
       .f = [](auto in) { return std::vector<Tensor>{squared_distances(in[0], in[1])}; },
       .inputs =
           {Tensor::from<float>({1, 2, 4, 6, -1, 0}, {3, 2}),
            Tensor::from<float>({1, 2.5f, 0, 0}, {2, 2})},
       .expected = {{0.25, 5, 21.25, 52, 10.25, 1}},
       .second = true});
}

// A fixed point of Lloyd's algorithm: every point belongs to its nearest centre, and every centre
// is the mean of its points.
TEST(KMeans, EndsWhereNothingMoves) {
  const int64_t n = 60, d = 3, k = 5;
  const Tensor x = random_input({n, d}, 8);
  const Clusters found = kmeans(x, {.clusters = k, .iterations = 100, .key = Key(3)});
  const auto p = x.data<float>(), c = found.centres.data<float>();
  const auto assigned = found.assigned.data<int32_t>();
  std::vector<double> sums(size_t(k * d), 0), counts(size_t(k), 0);
  double error = 0;
  for (int64_t i = 0; i < n; ++i) {
    auto distance = [&](int64_t j) {
      double squares = 0;
      for (int64_t a = 0; a < d; ++a)
        squares += std::pow(double(p[size_t(i * d + a)]) - c[size_t(j * d + a)], 2);
      return squares;
    };
    const int64_t own = assigned[size_t(i)];
    for (int64_t j = 0; j < k; ++j) EXPECT_GE(distance(j), distance(own) - 1e-6);
    error += distance(own) / double(n);
    ++counts[size_t(own)];
    for (int64_t a = 0; a < d; ++a) sums[size_t(own * d + a)] += p[size_t(i * d + a)];
  }
  EXPECT_NEAR(found.error, error, 1e-5);
  for (int64_t j = 0; j < k; ++j) {
    ASSERT_GT(counts[size_t(j)], 0);
    for (int64_t a = 0; a < d; ++a)
      EXPECT_NEAR(c[size_t(j * d + a)], sums[size_t(j * d + a)] / counts[size_t(j)], 1e-5);
  }
}

TEST(KMeans, FindsClustersThatLieApart) {
  std::vector<Tensor> blobs;
  for (int i = 0; i < 4; ++i)
    blobs.push_back(random_input({10, 2}, uint64_t(i)) + double(10 * (i + 1) * (i % 2 ? 1 : -1)));
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const Clusters found = kmeans(concat(blobs, 0).eval(), {.clusters = 4, .key = Key(seed)});
    const auto assigned = found.assigned.data<int32_t>();
    std::set<int32_t> names;
    for (size_t i = 0; i < 40; ++i) {
      EXPECT_EQ(assigned[i], assigned[i / 10 * 10]);
      names.insert(assigned[i]);
    }
    EXPECT_EQ(names.size(), 4u);
  }
}

TEST(KMeans, TakesPointsThatAreAlikeAndAsManyClustersAsPoints) {
  EXPECT_EQ(kmeans(ones({6, 2}), {.clusters = 3}).centres.to_vector(), std::vector<float>(6, 1));
  EXPECT_NEAR(kmeans(random_input({7, 2}, 1), {.clusters = 7}).error, 0, 1e-6);
  EXPECT_HAS(
      message_of([] {
        kmeans(ones({2, 2}), {.clusters = 3});
      }),
      "expected from 1 to as many clusters as there are points, 2, got 3");
  EXPECT_HAS(message_of([] { kmeans(ones({2}), {}); }), "expected points f32 (N, D)");
}

TEST(SomeRows, AreDrawnWithoutReplacement) {
  const Tensor x = arange(20), some = some_rows(x, 8, Key(1));
  const auto values = some.to_vector();
  EXPECT_EQ(std::set<float>(values.begin(), values.end()).size(), 8u);
  EXPECT_EQ(some_rows(x, 30, Key(1)).to_vector(), x.to_vector());
}

}  // namespace
}  // namespace fovea::classic
