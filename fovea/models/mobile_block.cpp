#include "fovea/models/mobile_block.h"

#include "fovea/ops/elementwise.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/shape.h"

namespace fovea::models {

namespace {

nn::Conv2d::Options with_bias(nn::Conv2d::Options o) {
  o.bias = true;
  return o;
}

}  // namespace

SqueezeExcite::SqueezeExcite(const Options& o)
    : fc1_(with_bias(plain_conv(o.channels, o.squeezed, 1))),
      fc2_(with_bias(plain_conv(o.squeezed, o.channels, 1))),
      act_(o.act),
      gate_(o.gate) {}

Tensor SqueezeExcite::forward(const Tensor& x, nn::Ctx& ctx) const {
  Tensor s = reshape(global_avg_pool(x), {x.dim(0), 1, 1, x.dim(-1)});
  s = ctx.run("activation", act_, ctx.run("fc1", fc1_, s));
  return x * ctx.run("gate", gate_, ctx.run("fc2", fc2_, s));
}

void SqueezeExcite::visit(Visitor& v) {
  v.child("fc1", fc1_);
  v.child("fc2", fc2_);
}

MobileBlock::MobileBlock(const Options& o)
    : shortcut_(o.stride == 1 && o.in == o.out), drop_(o.drop) {
  if (o.wide != o.in) block_.add(conv_bn(plain_conv(o.in, o.wide, 1), o.act, o.bn));
  block_.add(conv_bn(depthwise_conv(o.wide, o.kernel, o.stride), o.act, o.bn));
  if (o.excite.squeezed > 0) {
    SqueezeExcite::Options excite = o.excite;
    excite.channels = o.wide;
    block_.add(std::make_unique<SqueezeExcite>(excite));
  }
  block_.add(conv_bn(plain_conv(o.wide, o.out, 1), {}, o.bn));
}

Tensor MobileBlock::forward(const Tensor& x, nn::Ctx& ctx) const {
  Tensor y = ctx.run("block", block_, x);
  return shortcut_ ? ctx.run("stochastic_depth", drop_, y) + x : y;
}

void MobileBlock::visit(Visitor& v) { v.child("block", block_); }

}  // namespace fovea::models
