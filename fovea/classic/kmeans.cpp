#include "fovea/classic/kmeans.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "fovea/core/eval.h"
#include "fovea/data/split.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"

namespace fovea::classic {

namespace {

// Each centre is a point drawn with a probability in proportion to its squared distance to the
// nearest centre so far.
Tensor first_centres(const Tensor& x, const KMeansOptions& o) {
  const int64_t n = x.dim(0);
  Rng rng(o.key);
  std::vector<int32_t> chosen{int32_t(rng.below(uint64_t(n)))};
  std::vector<double> nearest(size_t(n), INFINITY);
  while (int64_t(chosen.size()) < o.clusters) {
    const int64_t last = chosen.back();
    const Tensor d = sum(square(x - slice(x, 0, {.start = last, .stop = last + 1})), {1}).eval();
    const auto to_last = d.data<float>();
    double total = 0;
    for (size_t i = 0; i < size_t(n); ++i) {
      nearest[i] = std::min(nearest[i], double(to_last[i]));
      total += nearest[i];
    }
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
