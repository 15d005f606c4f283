#pragma once

#include <memory>

#include "fovea/nn/containers.h"
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

// Convolution "0", batch norm "1" and, where named, an activation of nn::Activation, as the mobile
// networks of torchvision have them. The channels of `bn` are those of the convolution.
std::unique_ptr<nn::Sequential> conv_bn(
    const nn::Conv2d::Options& o, std::string_view act = {}, nn::BatchNorm::Options bn = {});

// The convolution of a residual network: no bias, padding that keeps the size, He's fan-out rule.
nn::Conv2d::Options plain_conv(int64_t in, int64_t out, int64_t kernel, int stride = 1);

// The same for every channel alone.
nn::Conv2d::Options depthwise_conv(int64_t channels, int64_t kernel, int stride = 1);

// The shortcut without parameters of He et al. 2016 (option A): every `stride`-th pixel, and
// `extra` new channels of zeros around the old ones.
Tensor zero_padded_shortcut(const Tensor& x, int64_t extra, int stride);

}  // namespace fovea::models
