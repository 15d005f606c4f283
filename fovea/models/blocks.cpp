#include "fovea/models/blocks.h"

namespace fovea::models {

namespace {

nn::Conv2d::Options without_bias(nn::Conv2d::Options o) {
  o.bias = false;
  return o;
}

}  // namespace

ConvBnRelu::ConvBnRelu(nn::Conv2d::Options o, double eps)
    : conv_(without_bias(o)), bn_({.channels = o.out, .eps = eps}) {}

Tensor ConvBnRelu::forward(const Tensor& x, nn::Ctx& ctx) const {
  Tensor y = ctx.run("conv", conv_, x);
  return ctx.within("bn", [&] { return bn_.forward_relu(y, ctx); });
}

void ConvBnRelu::visit(Visitor& v) {
  v.child("conv", conv_);
  v.child("bn", bn_);
}

nn::Conv2d::Options plain_conv(int64_t in, int64_t out, int64_t kernel, int stride) {
  nn::Conv2d::Options o = nn::same_conv(in, out, kernel, stride);
  o.bias = false;
  o.init = nn::he_normal(nn::Init::Fan::out);
  return o;
}

nn::Conv2d::Options depthwise_conv(int64_t channels, int64_t kernel, int stride) {
  nn::Conv2d::Options o = plain_conv(channels, channels, kernel, stride);
  o.conv.groups = int(channels);
  // Fan-out would count every channel, though each weight reaches one.
  o.init = nn::he_normal();
  return o;
}

}  // namespace fovea::models
