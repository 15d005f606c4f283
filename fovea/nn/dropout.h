#pragma once

#include "fovea/nn/module.h"

namespace fovea::nn {

// Inverted dropout (Srivastava et al. 2014): in training each element is zeroed with probability
// `rate` and the rest divided by 1 - rate, so that nothing changes at test time. With `channels`,
// whole channels of (N, ..., C) are dropped, as convolutions want it.
class Dropout : public Module {
 public:
  struct Options {
    double rate = 0.5;
    bool channels = false;
  };
  explicit Dropout(const Options& o);
  Tensor forward(const Tensor& x, Ctx& ctx) const override;

 private:
  Options o_;
};

}  // namespace fovea::nn
