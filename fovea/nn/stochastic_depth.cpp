#include "fovea/nn/stochastic_depth.h"

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/random.h"

namespace fovea::nn {

namespace {

void check_rate(double rate) {
  if (!(rate >= 0 && rate < 1))
    throw std::invalid_argument(fmt::format(
        "[StochasticDepth] expected a rate in [0, 1), the share that is dropped, got {}", rate));
}

}  // namespace

StochasticDepth::StochasticDepth(double rate) : rate_(rate) { check_rate(rate); }

Tensor StochasticDepth::forward(const Tensor& x, Ctx& ctx) const {
  if (!ctx.draws() || rate_ == 0) return x;
  if (x.rank() < 1)
    throw std::invalid_argument("[StochasticDepth] expected (N, ...), got a scalar");
  Shape rows;
  rows.push_back(x.dim(0));
  while (rows.rank() < x.rank()) rows.push_back(1);
  Tensor kept = cast(random_bernoulli(rows, ctx.next_key(), 1 - rate_), x.dtype());
  return x * (kept / (1 - rate_));
}

bool drops_batch(double rate, Ctx& ctx) {
  check_rate(rate);
  return ctx.draws() && rate > 0 && Rng(ctx.next_key()).bernoulli(rate);
}

}  // namespace fovea::nn
