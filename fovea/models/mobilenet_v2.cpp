#include "fovea/models/mobilenet_v2.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/elementwise.h"

namespace fovea::models {

namespace {

class InvertedResidual : public nn::Module {
 public:
  struct Options {
    int64_t in = 0, out = 0;
    int stride = 1, widen = 6;
  };
  explicit InvertedResidual(const Options& o) : shortcut_(o.stride == 1 && o.in == o.out) {
    const int64_t wide = o.in * o.widen;
    if (o.widen != 1) conv_.add(conv_bn(plain_conv(o.in, wide, 1), "relu6"));
    conv_.add(conv_bn(depthwise_conv(wide, 3, o.stride), "relu6"));
    conv_.add(std::make_unique<nn::Conv2d>(plain_conv(wide, o.out, 1)));
    conv_.add(std::make_unique<nn::BatchNorm>(nn::BatchNorm::Options{.channels = o.out}));
  }

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor y = ctx.run("conv", conv_, x);
    return shortcut_ ? y + x : y;
  }
  void visit(Visitor& v) override { v.child("conv", conv_); }

 private:
  bool shortcut_;
  nn::Sequential conv_;
};

std::unique_ptr<nn::Sequential> features(int64_t channels) {
  struct Stage {
    int widen;
    int64_t out;
    int blocks, stride;  // of the first block
  };
  const Stage stages[] = {
      {1, 16, 1, 1},
      {6, 24, 2, 2},
      {6, 32, 3, 2},
      {6, 64, 4, 2},
      {6, 96, 3, 1},
      {6, 160, 3, 2},
      {6, 320, 1, 1}};
  auto net = std::make_unique<nn::Sequential>();
  net->add(conv_bn(plain_conv(channels, 32, 3, 2), "relu6"));
  int64_t in = 32;
  for (const Stage& s : stages)
    for (int i = 0; i < s.blocks; ++i) {
      net->add(std::make_unique<InvertedResidual>(InvertedResidual::Options{
          .in = in, .out = s.out, .stride = i == 0 ? s.stride : 1, .widen = s.widen}));
      in = s.out;
    }
  net->add(conv_bn(plain_conv(in, 1280, 1), "relu6"));
  return net;
}

std::unique_ptr<nn::Module> make_mobilenet_v2(const MakeOptions& o) {
  auto classifier = std::make_unique<nn::Sequential>();
  classifier->add(std::make_unique<nn::Dropout>(nn::Dropout::Options{.rate = 0.2}));
  classifier->add(std::make_unique<nn::Linear>(
      nn::Linear::Options{.in = 1280, .out = o.classes, .init = nn::normal(0.01)}));

  auto net = std::make_unique<nn::Sequential>();
  net->add("features", features(o.input[2]));
  net->add("pool", std::make_unique<nn::GlobalAvgPool>());
  net->add("classifier", std::move(classifier));
  return net;
}

}  // namespace

std::span<const Entry> mobilenet_v2_entries() {
  static const Entry rows[] = {
      {.name = "mobilenet_v2",
       .paper = "Sandler et al. 2018, MobileNetV2",
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_mobilenet_v2,
       .torchvision = {"mobilenet_v2", "MobileNet_V2_Weights.IMAGENET1K_V1"},
       .timm = {"mobilenetv2_100", "mobilenetv2_100.ra_in1k"}},
  };
  return rows;
}

}  // namespace fovea::models
