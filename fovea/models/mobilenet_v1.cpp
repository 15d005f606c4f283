#include "fovea/models/mobilenet_v1.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

// x (N, H, W, in) -> (N, H / stride, W / stride, out).
class Separable : public nn::Module {
 public:
  Separable(int64_t in, int64_t out, int stride)
      : depthwise_(depthwise_conv(in, 3, stride)),
        bn1_({.channels = in}),
        pointwise_(plain_conv(in, out, 1)),
        bn2_({.channels = out}) {}

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor y = ctx.run("bn1", bn1_, ctx.run("conv_dw", depthwise_, x));
    return ctx.run("bn2", bn2_, ctx.run("conv_pw", pointwise_, y));
  }
  void visit(Visitor& v) override {
    v.child("conv_dw", depthwise_);
    v.child("bn1", bn1_);
    v.child("conv_pw", pointwise_);
    v.child("bn2", bn2_);
  }

 private:
  nn::Conv2d depthwise_;
  BnRelu bn1_;
  nn::Conv2d pointwise_;
  BnRelu bn2_;
};

std::unique_ptr<nn::Module> make_mobilenet_v1(const MakeOptions& o) {
  struct Stage {
    int64_t out;
    int blocks, stride;  // of the first block
  };
  auto blocks = std::make_unique<nn::Sequential>();
  int64_t in = 32;
  for (const Stage& s : {Stage{64, 1, 1}, {128, 2, 2}, {256, 2, 2}, {512, 6, 2}, {1024, 2, 2}}) {
    auto stage = std::make_unique<nn::Sequential>();
    for (int i = 0; i < s.blocks; ++i) {
      stage->add(std::make_unique<Separable>(in, s.out, i == 0 ? s.stride : 1));
      in = s.out;
    }
    blocks->add(std::move(stage));
  }

  auto net = std::make_unique<nn::Sequential>();
  net->add("conv_stem", std::make_unique<nn::Conv2d>(plain_conv(o.input[2], 32, 3, 2)));
  net->add("bn1", std::make_unique<BnRelu>(nn::BatchNorm::Options{.channels = 32}));
  net->add("blocks", std::move(blocks));
  net->add("global_pool", std::make_unique<nn::GlobalAvgPool>());
  net->add(
      "classifier", std::make_unique<nn::Linear>(nn::Linear::Options{.in = in, .out = o.classes}));
  return net;
}

}  // namespace

std::span<const Entry> mobilenet_v1_entries() {
  static const Entry rows[] = {
      {.name = "mobilenet_v1",
       .paper = "Howard et al. 2017, MobileNets",
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_mobilenet_v1,
       .timm = {"mobilenetv1_100", "mobilenetv1_100.ra4_e3600_r224_in1k"}},
  };
  return rows;
}

}  // namespace fovea::models
