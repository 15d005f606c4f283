#pragma once

#include "fovea/core/primitive.h"

// The nearest of many points, and what they vote for.
namespace fovea {

enum class Metric : uint8_t {
  l2,  // Euclidean, sqrt(sum (x - y)^2): stays when the data is rotated
  l1,  // Manhattan, sum |x - y|: depends on the axes
};
Metric metric_named(std::string_view name);  // "l2" or "l1"; throws, listing both

struct NearestOptions {
  int64_t k = 1;
  Metric metric = Metric::l2;
  friend bool operator==(const NearestOptions&, const NearestOptions&) = default;
};

struct Neighbours {
  Tensor indices;    // i32 (N, k), of the points; nearest first
  Tensor distances;  // f32 (N, k)
};

// The k points nearest to each row of x, for f32 x (N, D) and points (M, D) with 1 <= k <= M. The
// search is exact: points are ordered by their distance in double precision, and of equal ones by
// their index; a distance that is NaN counts as infinite. No gradient flows through it: gather the
// points by their indices for one of distances.
Neighbours nearest(const Tensor& x, const Tensor& points, const NearestOptions& o = {});

// Points laid out as a vantage point tree (Yianilos 1993, "Data structures and algorithms for
// nearest neighbor search in general metric spaces"). A stretch of more than `leaf` points is a
// node: its first point is the vantage point, the nearer half of the others, of (n - 1) / 2 points,
// comes next, and then the farther half.
struct PointTree {
  static constexpr int64_t leaf = 64;

  Tensor points;  // f32 (M, D)
  Tensor order;   // i32 (M): the index each of them has in results
  Tensor radii;  // f32 (M): of a node's first point to the farthest of its nearer half; 0 elsewhere
};
// The same result, found through the tree: for points of few dimensions.
Neighbours nearest(const Tensor& x, const PointTree& tree, const NearestOptions& o = {});

// log p (N, classes), p_c = (votes_c + 1 / classes) / (k + 1), of indices i32 (N, k) into labels
// i32 (M) of 0..classes-1: as if one neighbour more voted for all classes alike. Among classes with
// equally many votes the one with the nearest neighbour wins: of m such classes the j-th nearest,
// from 0, has (m - 1 - j) / 2m votes more, and p is divided by what it then sums to.
Tensor neighbour_votes(const Tensor& indices, const Tensor& labels, int64_t classes);

// What distances are compared by: the sum of squares or of magnitudes of n differences, in double
// and in an order that depends on n alone.
double gap(Metric metric, const float* x, const float* y, int64_t n);

// Inputs x and points [, order and radii of a tree]; outputs indices and distances.
class Nearest : public Primitive {
 public:
  explicit Nearest(const NearestOptions& o) : o_(o) {}
  const NearestOptions& options() const { return o_; }

  std::string_view name() const override { return "nearest"; }
  Kind kind() const override { return Kind::heavy; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 360 + size_t(o_.k); }
  Cost cost(std::span<const Tensor> in, std::span<const Tensor> out) const override;

 private:
  NearestOptions o_;
};

// Inputs indices and labels; output scores.
class NeighbourVotes : public ZeroGradient {
 public:
  explicit NeighbourVotes(int64_t classes) : classes_(classes) {}
  int64_t classes() const { return classes_; }

  std::string_view name() const override { return "neighbour_votes"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 361 + size_t(classes_); }

 private:
  int64_t classes_;
};

}  // namespace fovea
