#include "fovea/models/efficientnet.h"

#include "fovea/models/mobile_block.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

struct Stage {
  int widen;
  int64_t kernel, out;
  int blocks, stride;  // of the first block
};

std::unique_ptr<nn::Sequential> features(int64_t channels) {
  const Stage stages[] = {
      {1, 3, 16, 1, 1},
      {6, 3, 24, 2, 2},
      {6, 5, 40, 2, 2},
      {6, 3, 80, 3, 2},
      {6, 5, 112, 3, 1},
      {6, 5, 192, 4, 2},
      {6, 3, 320, 1, 1}};
  int blocks = 0;
  for (const Stage& s : stages) blocks += s.blocks;

  auto net = std::make_unique<nn::Sequential>();
  int64_t in = 32;
  int number = 0;
  net->add(conv_bn(plain_conv(channels, in, 3, 2), "silu"));
  for (const Stage& s : stages) {
    auto stage = std::make_unique<nn::Sequential>();
    for (int i = 0; i < s.blocks; ++i) {
      stage->add(std::make_unique<MobileBlock>(MobileBlock::Options{
          .in = in,
          .wide = in * s.widen,
          .out = s.out,
          .kernel = s.kernel,
          .stride = i == 0 ? s.stride : 1,
          .act = "silu",
          .excite = {.squeezed = in / 4, .act = "silu", .gate = "sigmoid"},
          .drop = 0.2 * number++ / blocks}));
      in = s.out;
    }
    net->add(std::move(stage));
  }
  net->add(conv_bn(plain_conv(in, 1280, 1), "silu"));
  return net;
}

std::unique_ptr<nn::Module> make_efficientnet_b0(const MakeOptions& o) {
  auto classifier = std::make_unique<nn::Sequential>();
  classifier->add(std::make_unique<nn::Dropout>(nn::Dropout::Options{.rate = 0.2}));
  classifier->add(std::make_unique<nn::Linear>(nn::Linear::Options{.in = 1280, .out = o.classes}));

  auto net = std::make_unique<nn::Sequential>();
  net->add("features", features(o.input[2]));
  net->emplace<nn::GlobalAvgPool>("pool");
  net->add("classifier", std::move(classifier));
  return net;
}

}  // namespace

std::span<const Entry> efficientnet_entries() {
  static const Entry rows[] = {
      {.name = "efficientnet_b0",
       .paper = "Tan and Le 2019, EfficientNet",
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_efficientnet_b0,
       .torchvision = {"efficientnet_b0", "EfficientNet_B0_Weights.IMAGENET1K_V1"},
       .timm = {"efficientnet_b0", "efficientnet_b0.ra_in1k"}},
  };
  return rows;
}

}  // namespace fovea::models
