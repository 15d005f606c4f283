#pragma once

#include "fovea/nn/module.h"
#include "fovea/ops/pool.h"

namespace fovea::nn {

// x (N, H, W, C) -> (N, Ho, Wo, C), the largest of each window.
class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(const Pool2dOptions& o) : o_(o) {}
  Tensor forward(const Tensor& x, Ctx&) const override { return max_pool2d(x, o_); }

 private:
  Pool2dOptions o_;
};

// The mean of each window.
class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(const Pool2dOptions& o) : o_(o) {}
  Tensor forward(const Tensor& x, Ctx&) const override { return avg_pool2d(x, o_); }

 private:
  Pool2dOptions o_;
};

// (N, H, W, C) -> (N, C).
class GlobalAvgPool : public Module {
 public:
  Tensor forward(const Tensor& x, Ctx&) const override { return global_avg_pool(x); }
};

// (N, H, W, C) -> (N, height, width, C), with PyTorch's windows.
class AdaptiveAvgPool2d : public Module {
 public:
  AdaptiveAvgPool2d(int64_t height, int64_t width) : height_(height), width_(width) {}
  Tensor forward(const Tensor& x, Ctx&) const override {
    return adaptive_avg_pool2d(x, height_, width_);
  }

 private:
  int64_t height_, width_;
};

// The same with the largest of each window.
class AdaptiveMaxPool2d : public Module {
 public:
  AdaptiveMaxPool2d(int64_t height, int64_t width) : height_(height), width_(width) {}
  Tensor forward(const Tensor& x, Ctx&) const override {
    return adaptive_max_pool2d(x, height_, width_);
  }

 private:
  int64_t height_, width_;
};

}  // namespace fovea::nn
