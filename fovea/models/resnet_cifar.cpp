#include "fovea/models/resnet_cifar.h"

#include "fovea/core/errors.h"
#include "fovea/models/blocks.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/pad.h"
#include "fovea/ops/slice.h"

namespace fovea::models {

namespace {

// Two 3x3 convolutions and an option-A shortcut.
class Block : public nn::Module {
 public:
  Block(int64_t in, int64_t out, int stride)
      : extra_(out - in),
        stride_(stride),
        conv1_(plain_conv(in, out, 3, stride)),
        conv2_(plain_conv(out, out, 3)),
        bn1_({.channels = out}),
        bn2_({.channels = out}) {}

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor y = ctx.run("conv1", conv1_, x);
    y = ctx.within("bn1", [&] { return bn1_.forward_relu(y, ctx); });
    y = ctx.run("conv2", conv2_, y);
    return ctx.within("bn2", [&] { return bn2_.forward_relu(y, ctx, shortcut(x)); });
  }
  void visit(Visitor& v) override {
    v.child("conv1", conv1_);
    v.child("bn1", bn1_);
    v.child("conv2", conv2_);
    v.child("bn2", bn2_);
  }

 private:
  Tensor shortcut(const Tensor& x) const {
    if (stride_ == 1 && extra_ == 0) return x;
    Tensor y = slice(x, {{}, {.step = stride_}, {.step = stride_}});
    return pad(y, {{0, 0}, {0, 0}, {0, 0}, {extra_ / 2, extra_ - extra_ / 2}});
  }

  int64_t extra_;
  int stride_;
  nn::Conv2d conv1_, conv2_;
  nn::BatchNorm bn1_, bn2_;
};

class ResNetCifar : public nn::Module {
 public:
  ResNetCifar(int blocks, const MakeOptions& o)
      : conv1_(plain_conv(o.input[2], 16, 3)),
        bn1_({.channels = 16}),
        linear_({.in = 64, .out = o.classes}) {
    int64_t in = 16;
    for (int stage = 0; stage < 3; ++stage) {
      int64_t out = 16 << stage;
      for (int i = 0; i < blocks; ++i) {
        layers_[stage].add(std::make_unique<Block>(in, out, stage > 0 && i == 0 ? 2 : 1));
        in = out;
      }
    }
  }

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor y = ctx.run("conv1", conv1_, x);
    y = ctx.within("bn1", [&] { return bn1_.forward_relu(y, ctx); });
    y = ctx.run("layer1", layers_[0], y);
    y = ctx.run("layer2", layers_[1], y);
    y = ctx.run("layer3", layers_[2], y);
    return ctx.run("linear", linear_, ctx.run("pool", pool_, y));
  }
  void visit(Visitor& v) override {
    v.child("conv1", conv1_);
    v.child("bn1", bn1_);
    v.child("layer1", layers_[0]);
    v.child("layer2", layers_[1]);
    v.child("layer3", layers_[2]);
    v.child("linear", linear_);
  }

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm bn1_;
  nn::Sequential layers_[3];
  nn::GlobalAvgPool pool_;
  nn::Linear linear_;
};

constexpr std::string_view he2016 = "He et al. 2016, Deep residual learning";

template <int depth>
std::unique_ptr<nn::Module> make(const MakeOptions& o) {
  static_assert(depth >= 8 && (depth - 2) % 6 == 0);
  return std::make_unique<ResNetCifar>((depth - 2) / 6, o);
}

}  // namespace

std::span<const Entry> resnet_cifar_entries() {
  static const Entry rows[] = {
      {"resnet20", he2016, {32, 32, 3}, 10, make<20>},
      {"resnet32", he2016, {32, 32, 3}, 10, make<32>},
      {"resnet44", he2016, {32, 32, 3}, 10, make<44>},
      {"resnet56", he2016, {32, 32, 3}, 10, make<56>},
  };
  return rows;
}

}  // namespace fovea::models
