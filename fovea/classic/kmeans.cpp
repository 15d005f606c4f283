#include "fovea/classic/kmeans.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "fovea/backend/cpu/parallel.h"
#include "fovea/core/eval.h"
#include "fovea/data/split.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea::classic {

namespace {

constexpr int64_t lanes = 64;  // sums side by side, for vectors: in one order on all machines

float squared_distance(const float* x, const float* y, int64_t n) {
  float part[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int64_t k = 0; k < lanes; ++k) {
      const float difference = x[i + k] - y[i + k];
      part[k] += difference * difference;
    }
  constexpr int64_t quarter = lanes / 4;
  float total = 0;
  for (int64_t k = 0; k < quarter; ++k)
    total += (part[k] + part[quarter + k]) + (part[2 * quarter + k] + part[3 * quarter + k]);
  for (; i < n; ++i) total += (x[i] - y[i]) * (x[i] - y[i]);
  return total;
}

// Each centre is a point drawn with a probability in proportion to its squared distance to the
// nearest centre so far.
Tensor first_centres(const Tensor& x, const KMeansOptions& o) {
  const int64_t n = x.dim(0);
  Rng rng(o.key);
  std::vector<int32_t> chosen{int32_t(rng.below(uint64_t(n)))};
  std::vector<double> nearest(size_t(n), INFINITY);
  const float* points = x.data<float>().data();
  const int64_t dims = x.dim(1);
  while (int64_t(chosen.size()) < o.clusters) {
    const float* last = points + chosen.back() * dims;
    cpu::parallel_for(n, 1 + 65536 / std::max<int64_t>(dims, 1), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        nearest[size_t(r)] =
            std::min(nearest[size_t(r)], double(squared_distance(points + r * dims, last, dims)));
    });
    double total = 0;
    for (double d : nearest) total += d;
    double left = rng.uniform() * total;
    size_t next = 0;
    while (next + 1 < size_t(n) && (left -= nearest[next]) >= 0) ++next;
    if (total == 0) next = size_t(rng.below(uint64_t(n)));  // fewer different points than clusters
    chosen.push_back(int32_t(next));
  }
  return take(x, Tensor::from<int32_t>(chosen, {o.clusters})).eval();
}

struct Assignment {
  Tensor nearest, distances;  // i32 (N), f32 (N)
};

Assignment assign(const Tensor& x, const Tensor& centres) {
  const Tensor d = squared_distances(x, centres);
  Assignment a{argmin(d, 1), min(d, {1})};
  std::vector<Tensor> both{a.nearest, a.distances};
  eval(both);
  return a;
}

// The means of the clusters. One without points takes the point that lies farthest from its centre,
// of those that do not have a cluster of their own.
Tensor centres_of(const Tensor& x, const Assignment& a, int64_t clusters) {
  const auto nearest = a.nearest.data<int32_t>();
  const auto far = a.distances.data<float>();
  std::vector<int32_t> cluster_of(nearest.begin(), nearest.end());
  std::vector<int64_t> counts(size_t(clusters), 0);
  for (int32_t c : cluster_of) ++counts[size_t(c)];
  for (size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] > 0) continue;
    size_t point = cluster_of.size();
    for (size_t i = 0; i < cluster_of.size(); ++i)
      if (counts[size_t(cluster_of[i])] > 1 && (point == cluster_of.size() || far[i] > far[point]))
        point = i;
    --counts[size_t(cluster_of[point])];
    cluster_of[point] = int32_t(c);
    counts[c] = 1;
  }
  const Tensor index = Tensor::from<int32_t>(cluster_of, {x.dim(0)});
  const Tensor sums = index_add(zeros({clusters, x.dim(1)}), index, x);
  const std::vector<float> divisors(counts.begin(), counts.end());
  return (sums / Tensor::from<float>(divisors, {clusters, 1})).eval();
}

}  // namespace

Tensor squared_distances(const Tensor& x, const Tensor& y) {
  const Tensor xx = sum(square(x), {1}, {.keep = true}), yy = sum(square(y), {1});
  return maximum(xx + yy - matmul(x, y, {.transpose_b = true}) * 2.0f, 0.0f);
}

Tensor some_rows(const Tensor& x, int64_t count, Key key) {
  if (count >= x.dim(0)) return x;
  const std::vector<int64_t> order = data::permutation(x.dim(0), key);
  const std::vector<int32_t> chosen(order.begin(), order.begin() + count);
  return take(x, Tensor::from<int32_t>(chosen, {count})).eval();
}

Clusters kmeans(const Tensor& x, const KMeansOptions& o) {
  if (x.rank() != 2 || x.dtype() != Dtype::f32)
    throw std::invalid_argument(
        fmt::format("[kmeans] expected points f32 (N, D), got {}", x.str()));
  if (o.clusters < 1 || x.dim(0) < o.clusters)
    throw std::invalid_argument(fmt::format(
        "[kmeans] expected from 1 to as many clusters as there are points, {}, got {}",
        x.dim(0),
        o.clusters));
  x.eval();
  Clusters result{first_centres(x, o), {}, 0};
  Assignment now = assign(x, result.centres);
  for (int i = 0; i < o.iterations; ++i) {
    result.centres = centres_of(x, now, o.clusters);
    const Assignment next = assign(x, result.centres);
    const bool stays =
        std::ranges::equal(next.nearest.data<int32_t>(), now.nearest.data<int32_t>());
    now = next;
    if (stays) break;
  }
  result.assigned = now.nearest;
  result.error = mean(now.distances).eval().item<double>();
  return result;
}

}  // namespace fovea::classic
