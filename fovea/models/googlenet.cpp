#include "fovea/models/googlenet.h"

#include "fovea/models/branches.h"
#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

struct Module {
  std::string_view name;
  InceptionWidths widths;
  std::string_view head = {};  // behind it
  bool pool = false;           // behind it
};

// Table 1 of the paper from "inception (3a)" on.
constexpr Module modules[] = {
    {.name = "3a", .widths = {64, 96, 128, 16, 32, 32}},
    {.name = "3b", .widths = {128, 128, 192, 32, 96, 64}, .pool = true},
    {.name = "4a", .widths = {192, 96, 208, 16, 48, 64}, .head = "aux1"},
    {.name = "4b", .widths = {160, 112, 224, 24, 64, 64}},
    {.name = "4c", .widths = {128, 128, 256, 24, 64, 64}},
    {.name = "4d", .widths = {112, 144, 288, 32, 64, 64}, .head = "aux2"},
    {.name = "4e", .widths = {256, 160, 320, 32, 128, 128}, .pool = true},
    {.name = "5a", .widths = {256, 160, 320, 32, 128, 128}},
    {.name = "5b", .widths = {384, 192, 384, 48, 128, 128}}};

int64_t depth_of(const InceptionWidths& w) { return w.one + w.three + w.five + w.proj; }

std::unique_ptr<nn::Module> pooling(int kernel) {
  return std::make_unique<nn::MaxPool2d>(
      Pool2dOptions{.kernel = {kernel, kernel}, .stride = {2, 2}, .rounding = Rounding::ceil});
}

std::unique_ptr<nn::Module> linear(int64_t in, int64_t out, const nn::Init& init) {
  return std::make_unique<nn::Linear>(nn::Linear::Options{.in = in, .out = out, .init = init});
}

std::unique_ptr<nn::Module> head(int64_t in, int64_t classes, bool torchvision) {
  auto net = std::make_unique<nn::Sequential>();
  if (torchvision)
    net->emplace<nn::AdaptiveAvgPool2d>("pool", 4, 4);
  else
    net->emplace<HeadPool>("pool", 4);
  net->add("conv", make_layer(in, conv("conv", 128), torchvision));
  net->emplace<nn::Flatten>("flatten");
  net->add("fc1", linear(128 * 4 * 4, 1024, nn::he_normal()));
  net->emplace<nn::Activation>("relu", "relu");
  net->emplace<nn::Dropout>("dropout", nn::Dropout::Options{.rate = 0.7});
  net->add("fc2", linear(1024, classes, nn::lecun_uniform()));
  return std::make_unique<nn::AuxiliaryHead>(std::move(net), 0.3);
}

template <bool torchvision>
std::unique_ptr<nn::Module> make(const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  auto norm = [&](const char* name) {  // alpha is the paper of AlexNet's times the window's size
    if (!torchvision)
      net->emplace<nn::LocalResponseNorm>(name, LocalResponseNormOptions{.alpha = 5e-4, .k = 2});
  };
  net->add(
      "conv1",
      make_layer(
          o.input[2], {.name = "conv1", .out = 64, .kernel = {7, 7}, .stride = 2}, torchvision));
  net->add("maxpool1", pooling(3));
  norm("norm1");
  net->add("conv2", make_layer(64, conv("conv2", 64), torchvision));
  net->add("conv3", make_layer(64, conv("conv3", 192, {3, 3}), torchvision));
  norm("norm2");
  net->add("maxpool2", pooling(3));
  int64_t in = 192;
  int pools = 2;
  for (const Module& m : modules) {
    net->add(
        "inception" + std::string(m.name),
        inception_module({.in = in, .widths = m.widths, .torchvision = torchvision}));
    in = depth_of(m.widths);
    if (!m.head.empty()) net->add(std::string(m.head), head(in, o.classes, torchvision));
    if (m.pool) {
      ++pools;
      net->add("maxpool" + std::to_string(pools), pooling(torchvision && pools == 4 ? 2 : 3));
    }
  }
  net->emplace<nn::GlobalAvgPool>("avgpool");
  net->emplace<nn::Dropout>("dropout", nn::Dropout::Options{.rate = torchvision ? 0.2 : 0.4});
  net->add("fc", linear(in, o.classes, nn::lecun_uniform()));
  return net;
}

}  // namespace

std::unique_ptr<nn::Module> inception_module(const InceptionOptions& o) {
  const InceptionWidths& w = o.widths;
  const int64_t large = o.torchvision ? 3 : 5;
  Branch three, five, pool{{max_pool("branch4.0")}};
  if (w.reduce3) three.chain.push_back(conv("branch2.0", w.reduce3));
  three.chain.push_back(conv("branch2.1", w.three, {3, 3}));
  if (w.reduce5) five.chain.push_back(conv("branch3.0", w.reduce5));
  five.chain.push_back(conv("branch3.1", w.five, {large, large}));
  if (w.proj) pool.chain.push_back(conv("branch4.1", w.proj));
  const std::vector<Branch> branches{{{conv("branch1", w.one)}}, three, five, pool};
  return std::make_unique<Branches>(o.in, branches, o.torchvision);
}

std::span<const Entry> googlenet_entries() {
  static const Entry rows[] = {
      {.name = "googlenet",
       .paper = "GoogLeNet with batch norm, as torchvision has it",
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<true>,
       .torchvision = {"googlenet", "GoogLeNet_Weights.IMAGENET1K_V1"}},
      {.name = "googlenet_paper",
       .paper = "Szegedy et al. 2015, Going deeper with convolutions",
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<false>},
  };
  return rows;
}

}  // namespace fovea::models
