#include "fovea/models/registry.h"

#include <fmt/format.h>

#include "fovea/core/text.h"
#include "fovea/models/convnet.h"
#include "fovea/models/lenet.h"
#include "fovea/models/mlp.h"
#include "fovea/models/mobilenet_v1.h"
#include "fovea/models/mobilenet_v2.h"
#include "fovea/models/resnet.h"
#include "fovea/models/resnet_cifar.h"
#include "fovea/models/squeezenet.h"
#include "fovea/models/vgg.h"

namespace fovea::models {

namespace {

template <int n>
std::unique_ptr<nn::Module> cifar(const MakeOptions& o) {
  return make_resnet_cifar(n, o);
}
template <int n>
std::unique_ptr<nn::Module> imagenet(const MakeOptions& o) {
  return make_resnet(n, o);
}
template <int n, bool batch_norm>
std::unique_ptr<nn::Module> vgg(const MakeOptions& o) {
  return make_vgg(n, batch_norm, o);
}
template <SqueezeNetVersion version>
std::unique_ptr<nn::Module> squeezenet(const MakeOptions& o) {
  return make_squeezenet(version, o);
}

constexpr std::string_view he2016 = "He et al. 2016, Deep residual learning";
constexpr std::string_view simonyan2015 = "Simonyan and Zisserman 2015, Very deep convolutional";
constexpr std::string_view simonyan2015_bn = "the same with batch norm";
constexpr std::string_view iandola2016 = "Iandola et al. 2016, SqueezeNet";

}  // namespace

std::span<const Entry> all() {
  static const Entry table[] = {
      {"linear", "softmax regression, CS231n lecture 2", {28, 28, 1}, 10, make_linear},
      {"two_layer",
       "one hidden layer of 100 ReLUs, CS231n lecture 4",
       {28, 28, 1},
       10,
       make_two_layer},
      {"lenet5",
       "LeCun et al. 1998, Gradient-based learning; with ReLU and max pooling",
       {28, 28, 1},
       10,
       make_lenet5},
      {"convnet",
       "small VGG-like net with batch norm, after Simonyan and Zisserman 2015",
       {32, 32, 3},
       10,
       make_convnet},
      {"resnet20", he2016, {32, 32, 3}, 10, cifar<20>},
      {"resnet32", he2016, {32, 32, 3}, 10, cifar<32>},
      {"resnet44", he2016, {32, 32, 3}, 10, cifar<44>},
      {"resnet56", he2016, {32, 32, 3}, 10, cifar<56>},
      {"resnet18_cifar",
       "ResNet-18 with a 3x3 stem for 32x32 images",
       {32, 32, 3},
       10,
       make_resnet18_cifar},
      {"resnet18", he2016, {224, 224, 3}, 1000, imagenet<18>},
      {"resnet34", he2016, {224, 224, 3}, 1000, imagenet<34>},
      {"resnet50", he2016, {224, 224, 3}, 1000, imagenet<50>},
      {"resnet101", he2016, {224, 224, 3}, 1000, imagenet<101>},
      {"resnet152", he2016, {224, 224, 3}, 1000, imagenet<152>},
      {"vgg11", simonyan2015, {224, 224, 3}, 1000, vgg<11, false>},
      {"vgg11_bn", simonyan2015_bn, {224, 224, 3}, 1000, vgg<11, true>},
      {"vgg13", simonyan2015, {224, 224, 3}, 1000, vgg<13, false>},
      {"vgg13_bn", simonyan2015_bn, {224, 224, 3}, 1000, vgg<13, true>},
      {"vgg16", simonyan2015, {224, 224, 3}, 1000, vgg<16, false>},
      {"vgg16_bn", simonyan2015_bn, {224, 224, 3}, 1000, vgg<16, true>},
      {"vgg19", simonyan2015, {224, 224, 3}, 1000, vgg<19, false>},
      {"vgg19_bn", simonyan2015_bn, {224, 224, 3}, 1000, vgg<19, true>},
      {"squeezenet1_0", iandola2016, {224, 224, 3}, 1000, squeezenet<SqueezeNetVersion::v1_0>},
      {"squeezenet1_1",
       "SqueezeNet with 2.4 times fewer multiply-adds",
       {224, 224, 3},
       1000,
       squeezenet<SqueezeNetVersion::v1_1>},
      {"mobilenet_v1", "Howard et al. 2017, MobileNets", {224, 224, 3}, 1000, make_mobilenet_v1},
      {"mobilenet_v2", "Sandler et al. 2018, MobileNetV2", {224, 224, 3}, 1000, make_mobilenet_v2},
  };
  return table;
}

std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const Entry& e : all()) list.emplace_back(e.name);
  return list;
}

const Entry& find(std::string_view name) {
  for (const Entry& e : all())
    if (e.name == name) return e;
  throw std::invalid_argument(fmt::format(
      "unknown model \"{}\"{}; `fovea models` lists all", name, did_you_mean(name, names())));
}

}  // namespace fovea::models
