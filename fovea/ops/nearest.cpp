#include "fovea/ops/nearest.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

namespace fovea {

namespace {

Neighbours search(std::vector<Tensor> in, const NearestOptions& o) {
  auto out = Tensor::outputs_of(std::make_shared<Nearest>(o), std::move(in));
  return {out[0], out[1]};
}

// Sums term(i) in eight sums, so that processors can add several at once.
template <class F>
double sum_of(int64_t n, F term) {
  double s[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int64_t j = 0; j < 8; ++j) s[j] += term(i + j);
  for (; i < n; ++i) s[i % 8] += term(i);
  return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

}  // namespace

Metric metric_named(std::string_view name) {
  if (name == "l2") return Metric::l2;
  if (name == "l1") return Metric::l1;
  throw std::invalid_argument(
      fmt::format("expected l2 or l1 as the metric of distances, got \"{}\"", name));
}

double gap(Metric metric, const float* x, const float* y, int64_t n) {
  auto difference = [=](int64_t i) { return double(x[i]) - double(y[i]); };
  if (metric == Metric::l1) return sum_of(n, [=](int64_t i) { return std::abs(difference(i)); });
  return sum_of(n, [=](int64_t i) { return difference(i) * difference(i); });
}

Neighbours nearest(const Tensor& x, const Tensor& points, const NearestOptions& o) {
  return search({x, points}, o);
}

Neighbours nearest(const Tensor& x, const PointTree& tree, const NearestOptions& o) {
  return search({x, tree.points, tree.order, tree.radii}, o);
}

std::vector<Spec> Nearest::infer(std::span<const Tensor> in) const {
  const Tensor &x = in[0], &points = in[1];
  if (x.dtype() != Dtype::f32 || points.dtype() != Dtype::f32 || x.rank() != 2 ||
      points.rank() != 2 || x.dim(1) != points.dim(1))
    throw std::invalid_argument(fmt::format(
        "[nearest] expected f32 x (N, D) and points (M, D), got {} and {}", x.str(), points.str()));
  const int64_t m = points.dim(0);
  if (m > std::numeric_limits<int32_t>::max())
    throw std::invalid_argument(
        fmt::format("[nearest] expected fewer than 2^31 points, got {}", m));
  if (o_.k < 1 || o_.k > m)
    throw std::invalid_argument(
        fmt::format("[nearest] expected k from 1 to the {} points there are, got {}", m, o_.k));
  if (in.size() == 4 && (in[2].dtype() != Dtype::i32 || in[3].dtype() != Dtype::f32 ||
                         !(in[2].shape() == Shape{m}) || !(in[3].shape() == Shape{m})))
    throw std::invalid_argument(fmt::format(
        "[nearest] expected a tree with order i32 ({0}) and radii f32 ({0}), got {1} and {2}",
        m,
        in[2].str(),
        in[3].str()));
  const Shape found{x.dim(0), o_.k};
  return {{found, Dtype::i32}, {found, Dtype::f32}};
}

std::vector<Tensor> Nearest::vjp(
    std::span<const Tensor>,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  if (!dout[1].is_empty())
    throw std::invalid_argument(
        "[nearest] distances have no gradient; gather the points by their indices and compute "
        "theirs");
  return std::vector<Tensor>(wanted.size());
}

bool Nearest::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Nearest*>(&other);
  return o && o->o_ == o_;
}

Cost Nearest::cost(std::span<const Tensor> in, std::span<const Tensor> out) const {
  Cost c = Primitive::cost(in, out);
  // A multiply-add a difference for L2, and for L1 as many operations.
  c.flops = 2 * double(in[0].numel()) * double(in[1].dim(0));
  return c;
}

Tensor neighbour_votes(const Tensor& indices, const Tensor& labels, int64_t classes) {
  return Tensor::output_of(std::make_shared<NeighbourVotes>(classes), {indices, labels});
}

std::vector<Spec> NeighbourVotes::infer(std::span<const Tensor> in) const {
  if (in[0].dtype() != Dtype::i32 || in[1].dtype() != Dtype::i32 || in[0].rank() != 2 ||
      in[1].rank() != 1 || classes_ < 1)
    throw std::invalid_argument(fmt::format(
        "[neighbour_votes] expected i32 indices (N, k), i32 labels (M) and at least one class, got "
        "{}, {} and {}",
        in[0].str(),
        in[1].str(),
        classes_));
  return {{{in[0].dim(0), classes_}, Dtype::f32}};
}

bool NeighbourVotes::same(const Primitive& other) const {
  auto* o = dynamic_cast<const NeighbourVotes*>(&other);
  return o && o->classes_ == classes_;
}

}  // namespace fovea
