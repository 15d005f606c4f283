#pragma once

#include "fovea/nn/module.h"

namespace fovea::nn {

// Dropout (Srivastava et al. 2014): in training each element is zeroed with probability `rate`, the
// share that is dropped, and 1 - rate is kept. Inverted, the rest is divided by 1 - rate, so that
// nothing changes at test time; otherwise ("vanilla") the rest stays as it is and everything is
// multiplied by 1 - rate at test time. With `channels`, whole channels of (N, ..., C) are dropped,
// as convolutions want it.
class Dropout : public Module {
 public:
  struct Options {
    double rate = 0.5;
    bool channels = false;
    bool inverted = true;
  };
  explicit Dropout(const Options& o);
  Tensor forward(const Tensor& x, Ctx& ctx) const override;

 private:
  Options o_;
};

}  // namespace fovea::nn
