#include "fovea/ops/sort.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/index.h"

namespace fovea {

namespace {

Tensor first_of_order(const Tensor& x, int axis, bool descending, int64_t count) {
  return Tensor::output_of(std::make_shared<ArgSort>(axis, descending, count), {x});
}

}  // namespace

std::vector<Spec> ArgSort::infer(std::span<const Tensor> in) const {
  if (count_ < 0 || count_ > in[0].shape()[axis_])
    throw std::invalid_argument(fmt::format(
        "[topk] expected k within 0..{} on axis {} of shape {}, got {}",
        in[0].shape()[axis_],
        axis_,
        in[0].shape().str(),
        count_));
  return {{in[0].shape().with(axis_, count_), Dtype::i32}};
}

bool ArgSort::same(const Primitive& other) const {
  auto* o = dynamic_cast<const ArgSort*>(&other);
  return o && o->axis_ == axis_ && o->descending_ == descending_ && o->count_ == count_;
}

Tensor argsort(const Tensor& x, int axis, const SortOptions& o) {
  axis = x.shape().normalize(axis);
  return first_of_order(x, axis, o.descending, x.shape()[axis]);
}

Tensor sort(const Tensor& x, int axis, const SortOptions& o) {
  return gather(x, argsort(x, axis, o), axis);
}

TopK topk(const Tensor& x, int64_t k, const TopKOptions& o) {
  int axis = x.shape().normalize(o.axis);
  Tensor indices = first_of_order(x, axis, o.largest, k);
  return {gather(x, indices, axis), indices};
}

}  // namespace fovea
