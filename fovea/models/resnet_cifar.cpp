#include "fovea/models/resnet_cifar.h"

#include "fovea/core/errors.h"
#include "fovea/models/blocks.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/nn/stochastic_depth.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/elementwise.h"

namespace fovea::models {

namespace {

// Two 3x3 convolutions and an option-A shortcut. With probability `drop` a training batch sees the
// shortcut alone, and at test time the convolutions count 1 - drop (Huang et al. 2016, section 3).
class Block : public nn::Module {
 public:
  struct Options {
    int64_t in = 0, out = 0;
    int stride = 1;
    double drop = 0;
  };
  explicit Block(const Options& o)
      : o_(o),
        conv1_(plain_conv(o.in, o.out, 3, o.stride)),
        conv2_(plain_conv(o.out, o.out, 3)),
        bn1_({.channels = o.out}),
        bn2_({.channels = o.out}) {}

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    if (nn::drops_batch(o_.drop, ctx)) return relu(shortcut(x));
    Tensor y = ctx.run("conv1", conv1_, x);
    y = ctx.within("bn1", [&] { return bn1_.forward_relu(y, ctx); });
    y = ctx.run("conv2", conv2_, y);
    if (o_.drop == 0 || ctx.draws())
      return ctx.within("bn2", [&] { return bn2_.forward_relu(y, ctx, shortcut(x)); });
    return relu(ctx.run("bn2", bn2_, y) * (1 - o_.drop) + shortcut(x));
  }
  void visit(Visitor& v) override {
    v.child("conv1", conv1_);
    v.child("bn1", bn1_);
    v.child("conv2", conv2_);
    v.child("bn2", bn2_);
  }

 private:
  Tensor shortcut(const Tensor& x) const {
    return zero_padded_shortcut(x, o_.out - o_.in, o_.stride);
  }

  Options o_;
  nn::Conv2d conv1_, conv2_;
  nn::BatchNorm bn1_, bn2_;
};

class ResNetCifar : public nn::Module {
 public:
  // The chance that a block is dropped grows linearly with its number, to last_drop.
  ResNetCifar(int blocks, double last_drop, const MakeOptions& o)
      : conv1_(plain_conv(o.input[2], 16, 3)),
        bn1_({.channels = 16}),
        linear_({.in = 64, .out = o.classes}) {
    int64_t in = 16;
    for (int stage = 0; stage < 3; ++stage) {
      int64_t out = 16 << stage;
      for (int i = 0; i < blocks; ++i) {
        const int number = stage * blocks + i + 1;
        layers_[stage].add(std::make_unique<Block>(Block::Options{
            .in = in,
            .out = out,
            .stride = stage > 0 && i == 0 ? 2 : 1,
            .drop = last_drop * number / (3 * blocks)}));
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
  return std::make_unique<ResNetCifar>((depth - 2) / 6, 0, o);
}

std::unique_ptr<nn::Module> make_resnet110_sd(const MakeOptions& o) {
  return std::make_unique<ResNetCifar>(18, 0.5, o);
}

}  // namespace

std::span<const Entry> resnet_cifar_entries() {
  static const Entry rows[] = {
      {"resnet20", he2016, {32, 32, 3}, 10, make<20>},
      {"resnet32", he2016, {32, 32, 3}, 10, make<32>},
      {"resnet44", he2016, {32, 32, 3}, 10, make<44>},
      {"resnet56", he2016, {32, 32, 3}, 10, make<56>},
      {"resnet110", he2016, {32, 32, 3}, 10, make<110>},
      {"resnet110_sd",
       "Huang et al. 2016, Deep networks with stochastic depth",
       {32, 32, 3},
       10,
       make_resnet110_sd},
  };
  return rows;
}

}  // namespace fovea::models
