#pragma once

#include "fovea/core/primitive.h"

// Order along one axis. Sorts are stable; a NaN counts as larger than every number. Indices are
// i32, and gradients flow through the values, to the places they came from.
namespace fovea {

struct SortOptions {
  bool descending = false;
};

Tensor argsort(const Tensor& x, int axis = -1, const SortOptions& o = {});
Tensor sort(const Tensor& x, int axis = -1, const SortOptions& o = {});

struct TopK {
  Tensor values, indices;
};

// The k largest along the axis, largest first, or the k smallest, smallest first; of equal ones,
// those that come first. (N, n) -> (N, k).
struct TopKOptions {
  int axis = -1;
  bool largest = true;
};
TopK topk(const Tensor& x, int64_t k, const TopKOptions& o = {});

// The first `count` positions of the sorted order.
class ArgSort : public ZeroGradient {
 public:
  ArgSort(int axis, bool descending, int64_t count)
      : axis_(axis), descending_(descending), count_(count) {}
  int axis() const { return axis_; }
  bool descending() const { return descending_; }

  std::string_view name() const override { return "argsort"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 351 + size_t(descending_); }

 private:
  int axis_;
  bool descending_;
  int64_t count_;
};

}  // namespace fovea
