#include "fovea/backend/cpu/point_tree.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "fovea/backend/cpu/parallel.h"

namespace fovea::cpu {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Walks of the tree, one for each x. What rounding may do to a bound is 1e-6 of it at most: radii
// are f32, and the rest is in double.
class Walk {
 public:
  Walk(const NearestOptions& o, std::span<const Tensor> in)
      : o_(o),
        count_(in[1].dim(0)),
        dims_(in[1].dim(1)),
        points_(in[1].data<float>().data()),
        order_(in[2].data<int32_t>().data()),
        radii_(in[3].data<float>().data()) {}

  void find(const float* x, int32_t* indices, float* distances) {
    best_.clear();
    reach_ = infinity;
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
      for (int64_t i = part.begin; i < part.end; ++i) consider(x, i);
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
    if (int64_t(best_.size()) == o_.k) reach_ = length(best_.front().first);
    return g;
  }

  NearestOptions o_;
  int64_t count_, dims_;
  const float* points_;
  const int32_t* order_;
  const float* radii_;
  std::vector<std::pair<double, int32_t>> best_;  // a heap, the farthest in front
  std::vector<Part> todo_;
  double reach_ = infinity;
};

}  // namespace

void search_tree(const NearestOptions& o, std::span<const Tensor> in, std::span<Tensor> out) {
  const float* x = in[0].data<float>().data();
  const int64_t dims = in[0].dim(1);
  int32_t* indices = out[0].mutable_data<int32_t>().data();
  float* distances = out[1].mutable_data<float>().data();
  parallel_for(in[0].dim(0), 4, [&](int64_t begin, int64_t end) {
    Walk walk(o, in);
    for (int64_t i = begin; i < end; ++i)
      walk.find(x + i * dims, indices + i * o.k, distances + i * o.k);
  });
}

}  // namespace fovea::cpu
