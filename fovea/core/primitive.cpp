#include "fovea/core/primitive.h"

#include <stdexcept>

#include <fmt/format.h>

namespace fovea {

std::vector<Tensor> Primitive::vjp(
    std::span<const Tensor>,
    std::span<const Tensor>,
    std::span<const Tensor>,
    std::span<const int>) const {
  throw std::invalid_argument(
      fmt::format("[{}] has no gradient; use stop_gradient on its result or another op", name()));
}

Cost Primitive::cost(std::span<const Tensor> in, std::span<const Tensor> out) const {
  Cost c;
  for (const Tensor& t : in) c.bytes += double(t.nbytes());
  for (const Tensor& t : out) c.bytes += double(t.nbytes());
  return c;
}

}  // namespace fovea
