#include "fovea/nn/dropout.h"

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/random.h"

namespace fovea::nn {

Dropout::Dropout(const Options& o) : o_(o) {
  if (!(o.rate >= 0 && o.rate < 1))
    throw std::invalid_argument(fmt::format(
        "[Dropout] expected a rate in [0, 1), the share that is dropped, got {}", o.rate));
}

Tensor Dropout::forward(const Tensor& x, Ctx& ctx) const {
  if (o_.rate == 0 || (!ctx.draws() && o_.inverted)) return x;
  const double kept = 1 - o_.rate;
  if (!ctx.draws()) return x * kept;
  Tensor y = dropout(x, o_.rate, ctx.next_key(), {.channels = o_.channels});
  return o_.inverted ? y : y * kept;
}

}  // namespace fovea::nn
