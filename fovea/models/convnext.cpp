#include "fovea/models/convnext.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/activation.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/nn/stochastic_depth.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"

namespace fovea::models {

namespace {

nn::Conv2d::Options with_bias(nn::Conv2d::Options o) {
  o.bias = true;
  o.init = nn::normal(0.02);
  return o;
}

// Kernel and stride of the same size.
nn::Conv2d::Options patches(int64_t in, int64_t out, int side) {
  return with_bias(
      {.in = in, .out = out, .kernel = {side, side}, .conv = {.stride = {side, side}}});
}

nn::Linear::Options linear(int64_t in, int64_t out) {
  return {.in = in, .out = out, .init = nn::normal(0.02)};
}

std::unique_ptr<nn::LayerNorm> layer_norm(int64_t channels) {
  return std::make_unique<nn::LayerNorm>(nn::LayerNorm::Options{.channels = channels, .eps = 1e-6});
}

// x + drop(scale block(x)) on (N, H, W, channels).
class Block : public nn::Module {
 public:
  Block(int64_t channels, double drop) : scale_(nn::shaped({channels, 1, 1})), drop_(drop) {
    block_.emplace<nn::Conv2d>("0", with_bias(depthwise_conv(channels, 7)));
    block_.add("2", layer_norm(channels));
    block_.emplace<nn::Linear>("3", linear(channels, 4 * channels));
    block_.emplace<nn::Activation>("4", "gelu");
    block_.emplace<nn::Linear>("5", linear(4 * channels, channels));
  }

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor y = ctx.run("block", block_, x) * reshape(scale_, {x.dim(-1)});
    return x + ctx.run("stochastic_depth", drop_, y);
  }
  void visit(Visitor& v) override {
    v.param("layer_scale", scale_, {.init = nn::constant(1e-6)});
    v.child("block", block_);
  }

 private:
  Tensor scale_;
  nn::Sequential block_;
  nn::StochasticDepth drop_;
};

std::unique_ptr<nn::Module> make_convnext_tiny(const MakeOptions& o) {
  const std::pair<int64_t, int> stages[] = {{96, 3}, {192, 3}, {384, 9}, {768, 3}};
  const int blocks = 18;
  auto features = std::make_unique<nn::Sequential>();
  int64_t in = o.input[2];
  int number = 0;
  for (auto [out, count] : stages) {
    auto downsample = std::make_unique<nn::Sequential>();
    if (number == 0) {
      downsample->add(std::make_unique<nn::Conv2d>(patches(in, out, 4)));
      downsample->add(layer_norm(out));
    } else {
      downsample->add(layer_norm(in));
      downsample->add(std::make_unique<nn::Conv2d>(patches(in, out, 2)));
    }
    features->add(std::move(downsample));
    auto stage = std::make_unique<nn::Sequential>();
    for (int i = 0; i < count; ++i)
      stage->add(std::make_unique<Block>(out, 0.1 * number++ / (blocks - 1)));
    features->add(std::move(stage));
    in = out;
  }

  auto classifier = std::make_unique<nn::Sequential>();
  classifier->add(layer_norm(in));
  classifier->emplace<nn::Linear>("2", linear(in, o.classes));

  auto net = std::make_unique<nn::Sequential>();
  net->add("features", std::move(features));
  net->emplace<nn::GlobalAvgPool>("avgpool");
  net->add("classifier", std::move(classifier));
  return net;
}

}  // namespace

std::span<const Entry> convnext_entries() {
  static const Entry rows[] = {
      {.name = "convnext_tiny",
       .paper = "Liu et al. 2022, A ConvNet for the 2020s",
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_convnext_tiny,
       .torchvision = {"convnext_tiny", "ConvNeXt_Tiny_Weights.IMAGENET1K_V1"},
       .timm = {"convnext_tiny", "convnext_tiny.fb_in1k"}},
  };
  return rows;
}

}  // namespace fovea::models
