#include "fovea/models/vgg.h"

#include <array>

#include "fovea/core/errors.h"
#include "fovea/models/blocks.h"
#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

// How many convolutions each stage has.
std::array<int, 5> stages_of(int layers) {
  switch (layers) {
    case 11:
      return {1, 1, 2, 2, 2};
    case 13:
      return {2, 2, 2, 2, 2};
    case 16:
      return {2, 2, 3, 3, 3};
    case 19:
      return {2, 2, 4, 4, 4};
  }
  FOVEA_ASSERT(!"a configuration of the table");
  return {};
}

struct Configuration {
  int layers;
  bool batch_norm = false;
  bool third_1x1 = false;  // the third convolution of a stage
};

std::unique_ptr<nn::Sequential> features(const Configuration& c, int64_t in) {
  auto net = std::make_unique<nn::Sequential>();
  int at = 0;  // the place in torchvision's list, where a ReLU has a number of its own
  auto add = [&](std::unique_ptr<nn::Module> m) { net->add(std::to_string(at++), std::move(m)); };
  const int64_t widths[] = {64, 128, 256, 512, 512};
  const auto stages = stages_of(c.layers);
  for (size_t stage = 0; stage < stages.size(); ++stage) {
    const int64_t out = widths[stage];
    for (int i = 0; i < stages[stage]; ++i) {
      nn::Conv2d::Options conv = nn::same_conv(in, out, c.third_1x1 && i == 2 ? 1 : 3);
      conv.init = nn::he_normal(nn::Init::Fan::out);
      if (c.batch_norm) {
        add(std::make_unique<nn::Conv2d>(conv));
        add(std::make_unique<BnRelu>(nn::BatchNorm::Options{.channels = out}));
      } else {
        add(std::make_unique<ConvRelu>(conv));
      }
      ++at;
      in = out;
    }
    add(std::make_unique<nn::MaxPool2d>(Pool2dOptions{.kernel = {2, 2}}));
  }
  return net;
}

std::unique_ptr<nn::Sequential> classifier(int64_t classes) {
  auto net = std::make_unique<nn::Sequential>();
  int64_t in = 512 * 7 * 7;
  for (int64_t out : {4096, 4096}) {
    net->add(std::make_unique<nn::Linear>(
        nn::Linear::Options{.in = in, .out = out, .init = nn::he_normal()}));
    net->add(std::make_unique<nn::Activation>("relu"));
    net->add(std::make_unique<nn::Dropout>(nn::Dropout::Options{.rate = 0.5}));
    in = out;
  }
  net->add(std::make_unique<nn::Linear>(
      nn::Linear::Options{.in = in, .out = classes, .init = nn::normal(0.01)}));
  return net;
}

constexpr std::string_view simonyan2015 = "Simonyan and Zisserman 2015, Very deep convolutional";
constexpr std::string_view simonyan2015_bn = "the same with batch norm";

std::unique_ptr<nn::Module> network(const Configuration& c, const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  net->add("features", features(c, o.input[2]));
  net->add("avgpool", std::make_unique<nn::AdaptiveAvgPool2d>(7, 7));
  net->add("flatten", std::make_unique<nn::Flatten>());
  net->add("classifier", classifier(o.classes));
  return net;
}

template <int layers, bool batch_norm>
std::unique_ptr<nn::Module> make(const MakeOptions& o) {
  return network({.layers = layers, .batch_norm = batch_norm}, o);
}

std::unique_ptr<nn::Module> make_c(const MakeOptions& o) {
  return network({.layers = 16, .third_1x1 = true}, o);
}

}  // namespace

std::span<const Entry> vgg_entries() {
  static const Entry rows[] = {
      {.name = "vgg11",
       .paper = simonyan2015,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<11, false>,
       .torchvision = {"vgg11", "VGG11_Weights.IMAGENET1K_V1"},
       .timm = {"vgg11", "vgg11.tv_in1k"}},
      {.name = "vgg11_bn",
       .paper = simonyan2015_bn,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<11, true>,
       .torchvision = {"vgg11_bn", "VGG11_BN_Weights.IMAGENET1K_V1"},
       .timm = {"vgg11_bn", "vgg11_bn.tv_in1k"}},
      {.name = "vgg13",
       .paper = simonyan2015,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<13, false>,
       .torchvision = {"vgg13", "VGG13_Weights.IMAGENET1K_V1"},
       .timm = {"vgg13", "vgg13.tv_in1k"}},
      {.name = "vgg13_bn",
       .paper = simonyan2015_bn,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<13, true>,
       .torchvision = {"vgg13_bn", "VGG13_BN_Weights.IMAGENET1K_V1"},
       .timm = {"vgg13_bn", "vgg13_bn.tv_in1k"}},
      {.name = "vgg16",
       .paper = simonyan2015,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<16, false>,
       .torchvision = {"vgg16", "VGG16_Weights.IMAGENET1K_V1"},
       .timm = {"vgg16", "vgg16.tv_in1k"}},
      {.name = "vgg16_c",
       .paper = simonyan2015,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_c},
      {.name = "vgg16_bn",
       .paper = simonyan2015_bn,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<16, true>,
       .torchvision = {"vgg16_bn", "VGG16_BN_Weights.IMAGENET1K_V1"},
       .timm = {"vgg16_bn", "vgg16_bn.tv_in1k"}},
      {.name = "vgg19",
       .paper = simonyan2015,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<19, false>,
       .torchvision = {"vgg19", "VGG19_Weights.IMAGENET1K_V1"},
       .timm = {"vgg19", "vgg19.tv_in1k"}},
      {.name = "vgg19_bn",
       .paper = simonyan2015_bn,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<19, true>,
       .torchvision = {"vgg19_bn", "VGG19_BN_Weights.IMAGENET1K_V1"},
       .timm = {"vgg19_bn", "vgg19_bn.tv_in1k"}},
  };
  return rows;
}

}  // namespace fovea::models
