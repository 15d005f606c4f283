#include "fovea/models/all_cnn.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

std::unique_ptr<nn::Module> dropout(double rate) {
  return std::make_unique<nn::Dropout>(nn::Dropout::Options{.rate = rate});
}

std::unique_ptr<nn::Module> make_all_cnn(const MakeOptions& o) {
  auto features = std::make_unique<nn::Sequential>();
  int64_t in = o.input[2];
  auto add = [&](const nn::Conv2d::Options& conv) {
    features->add(std::make_unique<ConvRelu>(conv));
    in = conv.out;
  };
  features->add(dropout(0.2));
  for (int64_t width : {96, 192}) {
    add(nn::same_conv(in, width, 3));
    add(nn::same_conv(in, width, 3));
    add(nn::same_conv(in, width, 3, 2));
    features->add(dropout(0.5));
  }
  add({.in = in, .out = 192});
  add(nn::same_conv(in, 192, 1));
  add(nn::same_conv(in, o.classes, 1));

  auto net = std::make_unique<nn::Sequential>();
  net->add("features", std::move(features));
  net->emplace<nn::GlobalAvgPool>("pool");
  return net;
}

}  // namespace

std::span<const Entry> all_cnn_entries() {
  static const Entry rows[] = {
      {"all_cnn",
       "Springenberg et al. 2015, Striving for simplicity, All-CNN-C",
       {32, 32, 3},
       10,
       make_all_cnn},
  };
  return rows;
}

}  // namespace fovea::models
