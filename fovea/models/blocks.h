#pragma once

#include "fovea/nn/conv.h"
#include "fovea/nn/norm.h"

namespace fovea::models {

// Convolution without bias, batch norm and ReLU, the last two fused. Children: conv, bn.
class ConvBnRelu : public nn::Module {
 public:
  explicit ConvBnRelu(nn::Conv2d::Options o);
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  nn::Conv2d conv_;
  nn::BatchNorm bn_;
};

// The convolution of a residual network: no bias, padding that keeps the size, He's fan-out rule.
nn::Conv2d::Options plain_conv(int64_t in, int64_t out, int64_t kernel, int stride = 1);

}  // namespace fovea::models
