#include "fovea/ops/nearest.h"

#include <cmath>
#include <limits>

#include "fovea/classic/nearest_neighbours.h"
#include "fovea/graph/freeze.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/join.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/slice.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"

namespace fovea {
namespace {

using test::random_input;

struct Found {
  std::vector<double> indices, distances;
};
Found values(const Neighbours& n) { return {n.indices.to_doubles(), n.distances.to_doubles()}; }

Found on_ref(const Tensor& x, const Tensor& points, const NearestOptions& o) {
  DeviceScope scope({Device::ref});
  return values(nearest(to_device(x, {Device::ref}), to_device(points, {Device::ref}), o));
}

// To the bit, NaN equal to none.
void expect_equal(const Found& got, const Found& expected, const std::string& what) {
  EXPECT_EQ(got.indices, expected.indices) << what;
  EXPECT_EQ(got.distances, expected.distances) << what;
}

// The blocked search and the tree both find what going through all of them finds.
void expect_exact(const Tensor& x, const Tensor& points, int64_t k, const std::string& what) {
  for (Metric metric : {Metric::l2, Metric::l1}) {
    const NearestOptions o{.k = k, .metric = metric};
    const Found expected = on_ref(x, points, o);
    const std::string name = what + (metric == Metric::l2 ? ", l2" : ", l1");
    expect_equal(values(nearest(x, points, o)), expected, name);
    expect_equal(
        values(nearest(x, classic::plant_tree(points, metric), o)), expected, name + ", tree");
  }
}

TEST(Nearest, EqualsTheNaiveSearch) {
  const int64_t sizes[][4] = {
      {0, 4, 3, 2},
      {1, 1, 1, 1},
      {3, 7, 2, 7},
      {5, 9, 13, 3},
      {7, 33, 1, 4},
      {9, 100, 24, 5},
      {4, 1300, 3, 20},
      {2, 300, 300, 9},
      {600, 40, 5, 2}};
  for (const auto& [n, m, dims, k] : sizes)
    expect_exact(
        random_input({n, dims}, 1),
        random_input({m, dims}, 2),
        k,
        std::to_string(n) + " of " + std::to_string(m) + " in " + std::to_string(dims));
}

// |x|^2 + |y|^2 - 2xy has no correct digit here.
TEST(Nearest, StaysExactFarFromTheOrigin) {
  Tensor x = (random_input({6, 17}, 1) * 1e-3 + 1000.0).eval();
  Tensor points = (random_input({200, 17}, 2) * 1e-3 + 1000.0).eval();
  expect_exact(x, points, 5, "offset");
}

TEST(Nearest, TakesTheFirstOfEqualPoints) {
  Tensor some = random_input({40, 6}, 3);
  Tensor points = concat({some, some, some}, 0).eval();
  const Found found = values(nearest(some, points, {.k = 3}));
  for (size_t i = 0; i < 40; ++i)
    for (size_t j = 0; j < 3; ++j) {
      EXPECT_EQ(found.indices[3 * i + j], double(i + 40 * j));
      EXPECT_EQ(found.distances[3 * i + j], 0);
    }
  expect_exact(some, points, 4, "copies");
  expect_exact(random_input({5, 0}, 1), random_input({9, 0}, 1), 3, "no dimensions");
}

TEST(Nearest, OrdersNumbersOfAnySize) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  Tensor points = Tensor::from<float>(
      {1e30f, 0, 1e-30f, 0, -1e30f, 0, 1e20f, 0, 0, 1e-40f, nan, 0, inf, 0, 3, 4, 5, 6, 7, 8},
      {10, 2});
  Tensor x = Tensor::from<float>({0, 0, 1e30f, 1e30f, nan, 1, inf, 0, 1e-40f, 0}, {5, 2});
  expect_exact(x, points, 10, "any size");
  expect_exact(x, points, 2, "any size, two");
}

TEST(Nearest, KeepsItsResultInAFrozenPlan) {
  const Tensor x = random_input({5, 20}, 1), points = random_input({60, 20}, 2);
  for (Metric metric : {Metric::l2, Metric::l1}) {
    const NearestOptions o{.k = 4, .metric = metric};
    const Spec spec{x.shape(), Dtype::f32};
    const graph::Plan plan = graph::freeze(
        [&](std::span<const Tensor> in) {
          return std::vector<Tensor>{nearest(in[0], points, o).indices};
        },
        std::span(&spec, 1));
    EXPECT_EQ(plan.run(x).to_doubles(), on_ref(x, points, o).indices);
  }
}

// CS231n lecture 2: a rotation changes L1 distances and not L2's.
TEST(Nearest, OnlyL2StaysUnderRotation) {
  const Tensor x = Tensor::from<float>({0, 0}, {1, 2}), y = Tensor::from<float>({1, 0}, {1, 2});
  const float h = std::sqrt(0.5f);
  const Tensor turn = Tensor::from<float>({h, h, -h, h}, {2, 2});
  auto distance = [&](Metric metric, const Tensor& point) {
    return nearest(x, point, {.metric = metric}).distances.item<double>();
  };
  EXPECT_EQ(distance(Metric::l1, y), 1);
  EXPECT_NEAR(distance(Metric::l1, matmul(y, turn)), std::sqrt(2.0), 1e-6);
  EXPECT_NEAR(distance(Metric::l2, matmul(y, turn)), distance(Metric::l2, y), 1e-6);
}

TEST(Nearest, RefusesWhatDoesNotFit) {
  const Tensor x = random_input({2, 3}, 1), points = random_input({4, 3}, 2);
  auto message = [&](const Tensor& p, int64_t k) {
    return test::message_of([&] { nearest(x, p, {.k = k}); });
  };
  EXPECT_HAS(message(points, 5), "expected k from 1 to the 4 points there are, got 5");
  EXPECT_HAS(message(points, 0), "expected k from 1 to the 4 points there are, got 0");
  EXPECT_HAS(message(random_input({4, 2}, 1), 1), "(N, D) and points (M, D)");
  EXPECT_HAS(test::message_of([] { metric_named("cosine"); }), "l2 or l1");
}

TEST(NeighbourVotes, CountsVotesAndBreaksTiesByTheNearest) {
  const Tensor labels = Tensor::from<int32_t>({0, 1, 2, 1, 0}, {5});
  auto scores = [&](std::vector<int32_t> indices) {
    const auto k = int64_t(indices.size());
    return exp(neighbour_votes(Tensor::from(indices, {1, k}), labels, 3)).to_doubles();
  };
  // Two votes for class 1, one for class 0: p = (1 + 1/3, 2 + 1/3, 1/3) / 4.
  const std::vector<double> majority = scores({0, 1, 3});
  EXPECT_NEAR(majority[0], (1 + 1.0 / 3) / 4, 1e-6);
  EXPECT_NEAR(majority[1], (2 + 1.0 / 3) / 4, 1e-6);
  EXPECT_NEAR(majority[2], 1.0 / 12, 1e-6);
  // One vote each: the nearest wins, then the next.
  const std::vector<double> tie = scores({2, 1, 0});
  EXPECT_GT(tie[2], tie[1]);
  EXPECT_GT(tie[1], tie[0]);
  EXPECT_NEAR(tie[0] + tie[1] + tie[2], 1, 1e-6);
  EXPECT_HAS(
      test::message_of([&] {
        neighbour_votes(Tensor::from<int32_t>({2}, {1, 1}), labels, 2).eval();
      }),
      "labels in 0..1, got 2");
  EXPECT_HAS(
      test::message_of([&] {
        neighbour_votes(Tensor::from<int32_t>({5}, {1, 1}), labels, 3).eval();
      }),
      "indices in 0..4, got 5");
}

}  // namespace
}  // namespace fovea
