#pragma once

#include <optional>

#include "fovea/nn/module.h"

namespace fovea::nn {

// y = x W^T + b on the last axis: x (..., in) -> (..., out). Keys: weight (out, in), bias (out).
class Linear : public Module {
 public:
  struct Options {
    int64_t in = 0, out = 0;
    bool bias = true;
    Init init = lecun_uniform();
    Init bias_init = constant(0);
  };
  explicit Linear(const Options& o);
  Tensor forward(const Tensor& x, Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  Options o_;
  Tensor weight_;
  std::optional<Tensor> bias_;
};

// (N, ...) -> (N, product). Images (N, H, W, C) are laid out channel by channel first, as PyTorch
// does, so that the weights of a linear layer behind it cross both ways.
class Flatten : public Module {
 public:
  Tensor forward(const Tensor& x, Ctx& ctx) const override;
};

}  // namespace fovea::nn
