#pragma once

#include "fovea/nn/module.h"

namespace fovea::nn {

// For the branch of a residual block: in training each picture of (N, ...) loses the whole branch
// with probability `rate` and has it divided by 1 - rate otherwise, so that nothing changes at test
// time (Huang et al. 2016, "Deep networks with stochastic depth", per picture; Larsson et al. 2017
// and torchvision call it drop-path). The gradient drops the same pictures.
class StochasticDepth : public Module {
 public:
  explicit StochasticDepth(double rate);  // in [0, 1)
  Tensor forward(const Tensor& x, Ctx& ctx) const override;

 private:
  double rate_;
};

// Whether the whole batch loses a branch, with probability `rate` where ctx.draws() and never
// otherwise. For a caller that spares the branch's work, and scales it by 1 - rate at test time
// (Huang et al. 2016, equation 5).
bool drops_batch(double rate, Ctx& ctx);

}  // namespace fovea::nn
