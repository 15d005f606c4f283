#include "fovea/nn/dropout.h"

#include <fmt/format.h>

#include "fovea/ops/random.h"

namespace fovea::nn {

Dropout::Dropout(const Options& o) : o_(o) {
  if (!(o.rate >= 0 && o.rate < 1))
    throw std::invalid_argument(fmt::format(
        "[Dropout] expected a rate in [0, 1), the share that is dropped, got {}", o.rate));
}

Tensor Dropout::forward(const Tensor& x, Ctx& ctx) const {
  if (!ctx.training || o_.rate == 0) return x;
  return dropout(x, o_.rate, ctx.next_key(), {.channels = o_.channels});
}

}  // namespace fovea::nn
