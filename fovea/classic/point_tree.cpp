#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "fovea/classic/nearest_neighbours.h"

namespace fovea::classic {

namespace {

class Planter {
 public:
  Planter(const Tensor& points, Metric metric)
      : metric_(metric),
        dims_(points.dim(1)),
        points_(points.data<float>().data()),
        places_(size_t(points.dim(0))),
        radii_(places_.size()) {
    for (size_t i = 0; i < places_.size(); ++i) places_[i] = {0, int32_t(i)};
    divide(0, places_.size());
  }

  PointTree tree() const {
    const auto m = int64_t(places_.size());
    PointTree t{
        Tensor::empty({m, dims_}), Tensor::empty({m}, Dtype::i32), Tensor::from(radii_, {m})};
    float* to = t.points.mutable_data<float>().data();
    int32_t* order = t.order.mutable_data<int32_t>().data();
    for (int64_t i = 0; i < m; ++i) {
      order[i] = places_[size_t(i)].second;
      std::copy_n(points_ + order[i] * dims_, dims_, to + i * dims_);
    }
    return t;
  }

 private:
  const float* at(size_t i) const { return points_ + places_[i].second * dims_; }

  // The first place of the stretch is its vantage point.
  void divide(size_t begin, size_t end) {
    if (int64_t(end - begin) <= PointTree::leaf) return;
    const size_t first = begin + 1, middle = first + (end - first) / 2;
    for (size_t i = first; i < end; ++i) {
      const double d = gap(metric_, at(begin), at(i), dims_);
      places_[i].first = std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
    }
    const auto place = [&](size_t i) { return places_.begin() + std::ptrdiff_t(i); };
    std::nth_element(place(first), place(middle - 1), place(end));
    const double farthest = places_[middle - 1].first;
    radii_[begin] = float(metric_ == Metric::l2 ? std::sqrt(farthest) : farthest);
    std::iter_swap(place(first), place(middle - 1));
    std::iter_swap(place(middle), std::max_element(place(middle), place(end)));
    divide(first, middle);
    divide(middle, end);
  }

  Metric metric_;
  int64_t dims_;
  const float* points_;
  std::vector<std::pair<double, int32_t>> places_;  // distances to a vantage point, and points
  std::vector<float> radii_;
};

}  // namespace

PointTree plant_tree(const Tensor& points, Metric metric) {
  if (points.rank() != 2 || points.dtype() != Dtype::f32)
    throw std::invalid_argument(
        fmt::format("[plant_tree] expected f32 points (M, D), got {}", points.str()));
  return Planter(points.eval(), metric).tree();
}

}  // namespace fovea::classic
