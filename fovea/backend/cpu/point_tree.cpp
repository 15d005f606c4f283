// Nearest neighbours through a vantage point tree. Bound by the points that are looked at: those of
// a leaf are compared in f32, a vector of them at once, and only what may be near enough is
// compared by gap(), as the reference does.

// foreach_target.h includes this file once per instruction set, so it comes first.
// clang-format off
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fovea/backend/cpu/point_tree.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include "fovea/backend/cpu/point_tree.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fovea/backend/cpu/gemm.h"
#include "fovea/backend/cpu/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

int64_t LeafWidth() { return int64_t(hn::Lanes(hn::ScalableTag<float>())); }

// Writes the places, counted from the first panel, of points whose f32 sum is not above `limit` to
// `hits`, which has room for a vector more, and returns how many they are.
template <Metric metric>
HWY_INLINE int64_t
Hits(const float* x, const float* panels, int64_t dims, int64_t count, float limit, int32_t* hits) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const auto lanes = int64_t(hn::Lanes(d));
  const auto most = hn::Set(d, limit);
  int64_t found = 0;
  for (int64_t p = 0; p < count; ++p) {
    auto sum = hn::Zero(d);
    for (int64_t k = 0; k < dims; ++k) {
      const auto gap = hn::Sub(hn::Set(d, x[k]), hn::LoadU(d, panels + (p * dims + k) * lanes));
      if constexpr (metric == Metric::l2)
        sum = hn::MulAdd(gap, gap, sum);
      else
        sum = hn::Add(sum, hn::Abs(gap));
    }
    const auto keep = hn::Not(hn::Gt(sum, most));
    if (hn::AllFalse(d, keep)) continue;
    const auto at = hn::Iota(di, int32_t(p * lanes));
    found += int64_t(hn::CompressStore(at, hn::RebindMask(di, keep), di, hits + found));
  }
  return found;
}

int64_t LeafHits(
    Metric metric,
    const float* x,
    const float* panels,
    int64_t dims,
    int64_t count,
    float limit,
    int32_t* hits) {
  if (metric == Metric::l2) return Hits<Metric::l2>(x, panels, dims, count, limit, hits);
  return Hits<Metric::l1>(x, panels, dims, count, limit, hits);
}

}  // namespace fovea::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::cpu {

namespace {

HWY_EXPORT(LeafWidth);
HWY_EXPORT(LeafHits);

constexpr double infinity = std::numeric_limits<double>::infinity();

// Walks of the tree, one for each x. What rounding may do to a bound is 1e-6 of it at most: radii
// are f32, and the rest is in double.
class Walk {
 public:
  Walk(const NearestOptions& o, const TreePanels& panels, std::span<const Tensor> in)
      : o_(o),
        panels_(panels),
        count_(in[1].dim(0)),
        dims_(in[1].dim(1)),
        points_(in[1].data<float>().data()),
        order_(in[2].data<int32_t>().data()),
        radii_(in[3].data<float>().data()) {}

  void find(const float* x, int32_t* indices, float* distances) {
    best_.clear();
    reach_ = rough_ = infinity;
    todo_.assign(1, {0, count_, 0});
    while (!todo_.empty()) {
      const Part part = todo_.back();
      todo_.pop_back();
      if (!(part.bound > reach_)) visit(x, part);
    }
    std::sort_heap(best_.begin(), best_.end());
    for (size_t j = 0; j < best_.size(); ++j) {
      indices[j] = best_[j].second;
      distances[j] = float(length(best_[j].first));
    }
  }

 private:
  struct Part {
    int64_t begin, end;
    double bound;  // no point of it is nearer
  };

  double length(double g) const { return o_.metric == Metric::l2 ? std::sqrt(g) : g; }

  void visit(const float* x, const Part& part) {
    if (part.end - part.begin <= PointTree::leaf) {
      look_at_leaf(x, part.begin, part.end);
      return;
    }
    const double d = length(consider(x, part.begin)), radius = radii_[part.begin];
    const double slack = 1e-6 * (d + radius);
    const int64_t first = part.begin + 1, middle = first + (part.end - first) / 2;
    const Part inner{first, middle, std::max(part.bound, d - radius - slack)};
    const Part outer{middle, part.end, std::max(part.bound, radius - d - slack)};
    const bool inside = d < radius;  // the likelier half is looked at first
    todo_.push_back(inside ? outer : inner);
    todo_.push_back(inside ? inner : outer);
  }

  // Panels may begin before the leaf and end behind it.
  void look_at_leaf(const float* x, int64_t begin, int64_t end) {
    const int64_t width = panels_.width, first = begin / width;
    int32_t hits[PointTree::leaf + 3 * 64];
    const int64_t count = HWY_DYNAMIC_DISPATCH(LeafHits)(
        o_.metric,
        x,
        panels_.values.data() + first * width * dims_,
        dims_,
        (end + width - 1) / width - first,
        float(rough_),
        hits);
    for (int64_t h = 0; h < count; ++h)
      if (const int64_t i = first * width + hits[h]; i >= begin && i < end) consider(x, i);
  }

  double consider(const float* x, int64_t i) {
    double g = gap(o_.metric, x, points_ + i * dims_, dims_);
    if (std::isnan(g)) g = infinity;
    const std::pair<double, int32_t> entry(g, order_[i]);
    const bool full = int64_t(best_.size()) == o_.k;
    if (full && !(entry < best_.front())) return g;
    if (full) {
      std::pop_heap(best_.begin(), best_.end());
      best_.pop_back();
    }
    best_.push_back(entry);
    std::push_heap(best_.begin(), best_.end());
    if (int64_t(best_.size()) == o_.k) {
      const double farthest = best_.front().first;
      reach_ = length(farthest);
      // The sum is off by (dims + 2) 2^-24 of it, and by less than 1e-36 where numbers are tiny.
      rough_ = farthest < 1e36 ? farthest * (1 + double(dims_ + 16) * 0x1p-23) + 1e-36 : infinity;
    }
    return g;
  }

  NearestOptions o_;
  const TreePanels& panels_;
  int64_t count_, dims_;
  const float* points_;
  const int32_t* order_;
  const float* radii_;
  std::vector<std::pair<double, int32_t>> best_;  // a heap, the farthest in front
  std::vector<Part> todo_;
  double reach_ = infinity;  // the distance of the farthest of k
  double rough_ = infinity;  // what the f32 sum of a nearer point is at most
};

}  // namespace

TreePanels panels_of(const Tensor& points) {
  const int64_t m = points.dim(0), dims = points.dim(1);
  TreePanels p{.width = HWY_DYNAMIC_DISPATCH(LeafWidth)()};
  p.values.resize(size_t((m + p.width - 1) / p.width * p.width * dims));
  strided_rows(points.data<float>().data(), dims, 1)(0, m, 0, dims, p.width, p.values.data());
  return p;
}

void search_tree(
    const NearestOptions& o,
    const TreePanels& panels,
    std::span<const Tensor> in,
    std::span<Tensor> out) {
  const float* x = in[0].data<float>().data();
  const int64_t dims = in[0].dim(1);
  int32_t* indices = out[0].mutable_data<int32_t>().data();
  float* distances = out[1].mutable_data<float>().data();
  parallel_for(in[0].dim(0), 4, [&](int64_t begin, int64_t end) {
    Walk walk(o, panels, in);
    for (int64_t i = begin; i < end; ++i)
      walk.find(x + i * dims, indices + i * o.k, distances + i * o.k);
  });
}

}  // namespace fovea::cpu
#endif
