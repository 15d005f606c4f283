#include "fovea/models/convnet.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

std::unique_ptr<nn::Module> make_convnet(const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  int64_t in = o.input[2];
  int stage = 0;
  for (int64_t out : {32, 64, 128}) {
    auto block = std::make_unique<nn::Sequential>();
    block->add(std::make_unique<ConvBnRelu>(plain_conv(in, out, 3)));
    block->add(std::make_unique<ConvBnRelu>(plain_conv(out, out, 3)));
    if (++stage < 3)
      block->add("pool", std::make_unique<nn::MaxPool2d>(Pool2dOptions{.kernel = {2, 2}}));
    net->add("stage" + std::to_string(stage), std::move(block));
    in = out;
  }
  net->add("pool", std::make_unique<nn::GlobalAvgPool>());
  net->add("fc", std::make_unique<nn::Linear>(nn::Linear::Options{.in = in, .out = o.classes}));
  return net;
}

}  // namespace

std::span<const Entry> convnet_entries() {
  static const Entry rows[] = {
      {"convnet",
       "small VGG-like net with batch norm, after Simonyan and Zisserman 2015",
       {32, 32, 3},
       10,
       make_convnet},
  };
  return rows;
}

}  // namespace fovea::models
