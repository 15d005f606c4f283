#pragma once

#include "fovea/nn/module.h"

namespace fovea::nn {

// x (N, H, W, C) -> (N, floor(H / ratio), floor(W / ratio), C) by fractional_max_pool2d, with
// windows drawn anew in training and the same ones at test time (Graham 2014).
class FractionalMaxPool2d : public Module {
 public:
  struct Options {
    double ratio = 1.414;
    bool overlapping = true;
    bool pseudorandom = true;
  };
  explicit FractionalMaxPool2d(const Options& o);
  Tensor forward(const Tensor& x, Ctx& ctx) const override;

 private:
  Options o_;
};

}  // namespace fovea::nn
