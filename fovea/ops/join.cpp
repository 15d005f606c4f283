#include "fovea/ops/join.h"

#include <stdexcept>

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/slice.h"

namespace fovea {

namespace {

// (outer, ...) with `count` copies of everything from `axis` on, made adjacent by a new axis there.
Tensor repeat_at(const Tensor& x, int64_t count, int axis) {
  Shape open, wide;
  for (int i = 0; i < axis; ++i) open.push_back(x.shape()[i]);
  wide = open;
  open.push_back(1);
  wide.push_back(count);
  int64_t rest = 1;
  for (int i = axis; i < x.rank(); ++i) rest *= x.shape()[i];
  open.push_back(rest);
  wide.push_back(rest);
  return broadcast_to(reshape(x, open), wide);
}

void check_count(int64_t count, const char* op) {
  if (count < 0)
    throw std::invalid_argument(
        fmt::format("[{}] expected a count of 0 or more, got {}", op, count));
}

}  // namespace

std::vector<Spec> Concat::infer(std::span<const Tensor> in) const {
  Shape shape = in[0].shape();
  for (size_t i = 1; i < in.size(); ++i) {
    const Shape& part = in[i].shape();
    if (part.rank() != shape.rank() || !(part.with(axis_, 0) == shape.with(axis_, 0)))
      throw std::invalid_argument(fmt::format(
          "[concat] expected parts that agree but for axis {}, got {} and {} (part {})",
          axis_,
          in[0].shape().str(),
          part.str(),
          i));
    shape[axis_] += part[axis_];
  }
  return {{shape, in[0].dtype()}};
}

std::vector<Tensor> Concat::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  std::vector<Tensor> grads;
  for (int i : wanted) {
    int64_t start = 0;
    for (int k = 0; k < i; ++k) start += in[size_t(k)].shape()[axis_];
    int64_t stop = start + in[size_t(i)].shape()[axis_];
    grads.push_back(slice(dout[0], axis_, {.start = start, .stop = stop}));
  }
  return grads;
}

bool Concat::same(const Primitive& other) const {
  auto* o = dynamic_cast<const Concat*>(&other);
  return o && o->axis_ == axis_;
}

Tensor concat(const std::vector<Tensor>& parts, int axis) {
  if (parts.empty()) throw std::invalid_argument("[concat] expected at least one part, got none");
  if (parts.size() == 1) return parts[0];
  Dtype dtype = parts[0].dtype();
  for (const Tensor& t : parts) dtype = promote(dtype, t.dtype());
  std::vector<Tensor> inputs;
  for (const Tensor& t : parts) inputs.push_back(cast(t, dtype));
  return Tensor::output_of(
      std::make_shared<Concat>(parts[0].shape().normalize(axis)), std::move(inputs));
}

Tensor stack(const std::vector<Tensor>& parts, int axis) {
  std::vector<Tensor> opened;
  for (const Tensor& t : parts) {
    if (!(t.shape() == parts[0].shape()))
      throw std::invalid_argument(fmt::format(
          "[stack] expected parts of one shape, got {} and {}",
          parts[0].shape().str(),
          t.shape().str()));
    opened.push_back(unsqueeze(t, axis));
  }
  return concat(opened, axis);
}

Tensor roll(const Tensor& x, int64_t shift, int axis) {
  int64_t extent = x.dim(axis);
  if (extent == 0 || shift % extent == 0) return x;
  int64_t cut = extent - (shift % extent + extent) % extent;
  return concat({slice(x, axis, {.start = cut}), slice(x, axis, {.stop = cut})}, axis);
}

Tensor tile(const Tensor& x, const std::vector<int64_t>& reps) {
  if (int(reps.size()) != x.rank())
    throw std::invalid_argument(fmt::format(
        "[tile] expected one count for each axis of {}, got {}", x.shape().str(), reps.size()));
  Tensor y = x;
  for (int axis = 0; axis < x.rank(); ++axis) {
    int64_t count = reps[size_t(axis)];
    check_count(count, "tile");
    if (count == 1) continue;
    Shape shape = y.shape().with(axis, y.shape()[axis] * count);
    y = reshape(repeat_at(y, count, axis), shape);
  }
  return y;
}

Tensor repeat(const Tensor& x, int64_t count, int axis) {
  axis = x.shape().normalize(axis);
  check_count(count, "repeat");
  if (count == 1) return x;
  return reshape(repeat_at(x, count, axis + 1), x.shape().with(axis, x.shape()[axis] * count));
}

}  // namespace fovea
