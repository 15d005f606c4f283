#include "fovea/nn/linear.h"

#include <fmt/format.h>

#include "fovea/ops/matmul.h"
#include "fovea/ops/shape.h"

namespace fovea::nn {

Linear::Linear(const Options& o) : o_(o), weight_(shaped({o.out, o.in})) {
  if (o.in < 1 || o.out < 1)
    throw std::invalid_argument(
        fmt::format("[Linear] expected in and out of at least 1, got {} and {}", o.in, o.out));
  if (o.bias) bias_ = shaped({o.out});
}

Tensor Linear::forward(const Tensor& x, Ctx&) const {
  if (x.rank() < 1 || x.dim(-1) != o_.in)
    throw std::invalid_argument(fmt::format(
        "[Linear] expected {} features on the last axis, got shape {}; {}",
        o_.in,
        x.shape().str(),
        x.rank() == 4 ? "put a Flatten or a global pooling before it"
                      : "does the input size differ from what the layer was made for?"));
  return bias_ ? linear(x, weight_, *bias_) : linear(x, weight_);
}

void Linear::visit(Visitor& v) {
  v.param("weight", weight_, {.init = o_.init});
  if (bias_) v.param("bias", *bias_, {.init = o_.bias_init});
}

Tensor Flatten::forward(const Tensor& x, Ctx&) const {
  if (x.rank() != 4) return flatten(x);
  return flatten(x.dim(1) * x.dim(2) == 1 ? x : transpose(x, {0, 3, 1, 2}));
}

}  // namespace fovea::nn
