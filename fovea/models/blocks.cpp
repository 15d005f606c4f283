#include "fovea/models/blocks.h"

#include "fovea/nn/activation.h"
#include "fovea/ops/pad.h"
#include "fovea/ops/slice.h"

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

std::unique_ptr<nn::Sequential> conv_bn(
    const nn::Conv2d::Options& o, std::string_view act, nn::BatchNorm::Options bn) {
  bn.channels = o.out;
  auto m = std::make_unique<nn::Sequential>();
  m->add(std::make_unique<nn::Conv2d>(o));
  if (act == "relu") {
    m->add(std::make_unique<BnRelu>(bn));
    return m;
  }
  m->add(std::make_unique<nn::BatchNorm>(bn));
  if (!act.empty()) m->add(std::make_unique<nn::Activation>(act));
  return m;
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

Tensor zero_padded_shortcut(const Tensor& x, int64_t extra, int stride) {
  if (extra == 0 && stride == 1) return x;
  Tensor y = slice(x, {{}, {.step = stride}, {.step = stride}});
  return pad(y, {{0, 0}, {0, 0}, {0, 0}, {extra / 2, extra - extra / 2}});
}

}  // namespace fovea::models
