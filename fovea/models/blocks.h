#pragma once

#include "fovea/nn/conv.h"
#include "fovea/nn/norm.h"

namespace fovea::models {

// Convolution without bias, batch norm and ReLU, the last two fused. Children: conv, bn.
class ConvBnRelu : public nn::Module {
 public:
  explicit ConvBnRelu(nn::Conv2d::Options o, double eps = 1e-5);
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  nn::Conv2d conv_;
  nn::BatchNorm bn_;
};

// Convolution with bias and ReLU as one layer, with the keys of the convolution.
class ConvRelu : public nn::Conv2d {
 public:
  using nn::Conv2d::Conv2d;
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override { return forward_relu(x, ctx); }
};

// Batch norm and ReLU as one layer, with the keys of the batch norm.
class BnRelu : public nn::BatchNorm {
 public:
  using nn::BatchNorm::BatchNorm;
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override { return forward_relu(x, ctx); }
};

// The convolution of a residual network: no bias, padding that keeps the size, He's fan-out rule.
nn::Conv2d::Options plain_conv(int64_t in, int64_t out, int64_t kernel, int stride = 1);

// The same for every channel alone.
nn::Conv2d::Options depthwise_conv(int64_t channels, int64_t kernel, int stride = 1);

}  // namespace fovea::models
