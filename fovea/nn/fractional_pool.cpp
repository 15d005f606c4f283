#include "fovea/nn/fractional_pool.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/ops/pool.h"

namespace fovea::nn {

FractionalMaxPool2d::FractionalMaxPool2d(const Options& o) : o_(o) {
  if (!(o.ratio > 1 && o.ratio <= 1e6))
    throw std::invalid_argument(
        fmt::format("[FractionalMaxPool2d] expected a ratio above 1, got {}", o.ratio));
}

Tensor FractionalMaxPool2d::forward(const Tensor& x, Ctx& ctx) const {
  if (x.rank() != 4)
    throw std::invalid_argument(
        fmt::format("[FractionalMaxPool2d] expected images (N, H, W, C), got {}", x.shape().str()));
  auto side = [&](int axis) { return int64_t(double(x.dim(axis)) / o_.ratio); };
  const FractionalPoolOptions o{
      .height = side(1),
      .width = side(2),
      .overlapping = o_.overlapping,
      .pseudorandom = o_.pseudorandom};
  return ctx.draws() ? fractional_max_pool2d(x, o, ctx.next_key()) : fractional_max_pool2d(x, o);
}

}  // namespace fovea::nn
