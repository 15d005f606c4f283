// The search of nearest neighbours beside the matrix product that bounds it, and through a tree.
// Both sides take turns in one process, so that what else the machine does meets both; each line
// gives the fastest of their rounds and the ratio of them.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <vector>

#include "fovea/classic/nearest_neighbours.h"
#include "fovea/graph/freeze.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/random.h"

namespace {

using namespace fovea;
using Clock = std::chrono::steady_clock;

double seconds(const std::function<void()>& f) {
  const auto begin = Clock::now();
  f();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Seconds of both sides, in turns after a warm-up: the least of each, which other programs disturb
// the least.
std::pair<double, double> turns(const std::function<void()>& a, const std::function<void()>& b) {
  a(), b();
  std::vector<double> of_a, of_b;
  const double once = seconds(a) + seconds(b);
  const int rounds = std::clamp(int(6 / once), 5, 31);
  for (int i = 0; i < rounds; ++i) {
    of_a.push_back(seconds(a));
    of_b.push_back(seconds(b));
  }
  return {*std::ranges::min_element(of_a), *std::ranges::min_element(of_b)};
}

graph::Plan plan_of(const Tensor& x, const std::function<Tensor(const Tensor&)>& f) {
  const Spec spec{x.shape(), Dtype::f32};
  return graph::freeze(
      [&](std::span<const Tensor> in) { return std::vector<Tensor>{f(in[0])}; },
      std::span(&spec, 1));
}

struct Extents {
  int64_t n, m, dims;
};

void beside_product(const Extents& e, Metric metric) {
  const Tensor x = random_normal({e.n, e.dims}, Key(1)).eval();
  const Tensor points = random_normal({e.m, e.dims}, Key(2)).eval();
  const graph::Plan search = plan_of(
      x, [&](const Tensor& q) { return nearest(q, points, {.k = 10, .metric = metric}).indices; });
  const graph::Plan product =
      plan_of(x, [&](const Tensor& q) { return matmul(q, points, {.transpose_b = true}); });
  const auto [ours, bound] = turns([&] { search.run(x); }, [&] { product.run(x); });
  const double flops = 2 * double(e.n) * double(e.m) * double(e.dims);
  std::printf(
      "%s %6ld of %6ld in %5ld: %8.1f GFLOP/s, product %8.1f, share %4.0f %%\n",
      metric == Metric::l2 ? "l2" : "l1",
      long(e.n),
      long(e.m),
      long(e.dims),
      flops / ours * 1e-9,
      flops / bound * 1e-9,
      100 * bound / ours);
  std::fflush(stdout);
}

// Deviations that fall as (i + 1)^-fall; 0.65 is about that of CIFAR-10's principal axes.
void beside_tree(const Extents& e, double fall) {
  std::vector<float> scale;
  for (int64_t i = 1; i <= e.dims; ++i) scale.push_back(float(std::pow(double(i), -fall)));
  const Tensor deviations = Tensor::from(scale, {e.dims});
  const Tensor x = (random_normal({e.n, e.dims}, Key(1)) * deviations).eval();
  const Tensor points = (random_normal({e.m, e.dims}, Key(2)) * deviations).eval();
  const PointTree tree = classic::plant_tree(points, Metric::l2);
  const NearestOptions o{.k = 10};
  const graph::Plan all =
      plan_of(x, [&](const Tensor& q) { return nearest(q, points, o).indices; });
  const graph::Plan some = plan_of(x, [&](const Tensor& q) { return nearest(q, tree, o).indices; });
  const auto [walk, search] = turns([&] { some.run(x); }, [&] { all.run(x); });
  std::printf(
      "tree %6ld of %6ld in %3ld, fall %.2f: %8.2f ms, all points %8.2f ms, %5.1f times as fast\n",
      long(e.n),
      long(e.m),
      long(e.dims),
      fall,
      1e3 * walk,
      1e3 * search,
      search / walk);
  std::fflush(stdout);
}

}  // namespace

int main() {
  std::printf("%d threads\n", threads());
  for (const Extents& e :
       {Extents{1000, 5000, 3072}, {128, 5000, 3072}, {1000, 50000, 512}, {1000, 50000, 64}})
    beside_product(e, Metric::l2);
  beside_product({1000, 5000, 3072}, Metric::l1);
  for (double fall : {0.65, 0.0})
    for (int64_t m : {5000, 50000})
      for (int64_t dims : {2, 4, 6, 8, 10, 12, 16}) beside_tree({500, m, dims}, fall);
}
