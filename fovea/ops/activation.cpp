#include "fovea/ops/activation.h"

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/operands.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea {

Tensor relu(const Tensor& x) { return unary(UnaryOp::relu, x); }
Tensor leaky_relu(const Tensor& x, double slope) { return unary(UnaryOp::leaky_relu, x, slope); }
Tensor elu(const Tensor& x, double alpha) { return unary(UnaryOp::elu, x, alpha); }
Tensor gelu(const Tensor& x) { return unary(UnaryOp::gelu, x); }
Tensor silu(const Tensor& x) { return unary(UnaryOp::silu, x); }
Tensor softplus(const Tensor& x) { return unary(UnaryOp::softplus, x); }
Tensor hard_sigmoid(const Tensor& x) { return unary(UnaryOp::hard_sigmoid, x); }
Tensor hard_swish(const Tensor& x) { return unary(UnaryOp::hard_swish, x); }
Tensor relu6(const Tensor& x) { return clamp(x, 0, 6); }

Tensor prelu(const Tensor& x, const Tensor& slope) {
  if (slope.rank() > 1 || (slope.rank() == 1 && slope.dim(0) != 1 && slope.dim(0) != x.dim(-1)))
    throw std::invalid_argument(fmt::format(
        "[prelu] expected one slope or one per channel ({}), got shape {}",
        x.rank() ? x.dim(-1) : 1,
        slope.shape().str()));
  return where(greater(x, 0), x, x * slope);
}

Tensor maxout(const Tensor& x, int pieces) {
  if (pieces < 1 || x.rank() < 1 || x.dim(-1) % pieces != 0)
    throw std::invalid_argument(fmt::format(
        "[maxout] expected a last axis divisible by {} pieces, got shape {}",
        pieces,
        x.shape().str()));
  Shape grouped = x.shape().with(-1, pieces);
  grouped.push_back(x.dim(-1) / pieces);
  return max(reshape(x, grouped), {-2});
}

}  // namespace fovea
