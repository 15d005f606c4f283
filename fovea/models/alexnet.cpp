#include "fovea/models/alexnet.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/norm.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

// One of the five convolutions and what stands behind it.
struct Stage {
  int64_t out, kernel;
  int stride = 1, pad = 0, groups = 1;
  bool norm = false, pool = false;
};

struct Form {
  Stage stages[5];
  bool norm_first = true;  // before the pooling
};

constexpr Form krizhevsky{
    .stages = {
        {.out = 96, .kernel = 11, .stride = 4, .norm = true, .pool = true},
        {.out = 256, .kernel = 5, .pad = 2, .groups = 2, .norm = true, .pool = true},
        {.out = 384, .kernel = 3, .pad = 1},
        {.out = 384, .kernel = 3, .pad = 1, .groups = 2},
        {.out = 256, .kernel = 3, .pad = 1, .groups = 2, .pool = true}}};

constexpr Form zeiler{
    .stages =
        {{.out = 96, .kernel = 7, .stride = 2, .pad = 1, .norm = true, .pool = true},
         {.out = 256, .kernel = 5, .stride = 2, .norm = true, .pool = true},
         {.out = 384, .kernel = 3, .pad = 1},
         {.out = 384, .kernel = 3, .pad = 1},
         {.out = 256, .kernel = 3, .pad = 1, .pool = true}},
    .norm_first = false};

nn::Conv2d::Options options(int64_t in, const Stage& s) {
  return {
      .in = in,
      .out = s.out,
      .kernel = {s.kernel, s.kernel},
      .conv = {
          .stride = {s.stride, s.stride}, .pad = {s.pad, s.pad, s.pad, s.pad}, .groups = s.groups}};
}

std::unique_ptr<nn::Module> pooling() {
  return std::make_unique<nn::MaxPool2d>(
      Pool2dOptions{.kernel = {3, 3}, .stride = {2, 2}, .rounding = Rounding::ceil});
}

std::unique_ptr<nn::Module> hidden(int64_t in, int64_t out) {
  return std::make_unique<nn::Linear>(
      nn::Linear::Options{.in = in, .out = out, .init = nn::he_normal()});
}

std::unique_ptr<nn::Module> last(int64_t classes) {
  return std::make_unique<nn::Linear>(
      nn::Linear::Options{.in = 4096, .out = classes, .init = nn::normal(0.01)});
}

std::unique_ptr<nn::Module> dropout() {
  return std::make_unique<nn::Dropout>(nn::Dropout::Options{.rate = 0.5});
}

constexpr int64_t code = 256 * 6 * 6;  // features that the linear layers see

template <const Form& form>
std::unique_ptr<nn::Module> make(const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  int64_t in = o.input[2];
  for (int i = 0; i < 5; ++i) {
    const Stage& s = form.stages[i];
    const std::string number = std::to_string(i + 1);
    auto norm = [&] {  // the paper's alpha is 1e-4 for each of the 5 channels
      net->emplace<nn::LocalResponseNorm>(
          "norm" + number, LocalResponseNormOptions{.alpha = 5e-4, .k = 2});
    };
    net->emplace<ConvRelu>("conv" + number, options(in, s));
    if (s.norm && form.norm_first) norm();
    if (s.pool) net->add("pool" + number, pooling());
    if (s.norm && !form.norm_first) norm();
    in = s.out;
  }
  net->emplace<nn::AdaptiveAvgPool2d>("avgpool", 6, 6);
  net->emplace<nn::Flatten>("flatten");
  in = code;
  for (const char* number : {"6", "7"}) {
    net->add(std::string("fc") + number, hidden(in, 4096));
    net->emplace<nn::Activation>(std::string("relu") + number, "relu");
    net->add(std::string("drop") + number, dropout());
    in = 4096;
  }
  net->add("fc8", last(o.classes));
  return net;
}

std::unique_ptr<nn::Module> make_alexnet(const MakeOptions& o) {
  auto features = std::make_unique<nn::Sequential>();
  int64_t in = o.input[2];
  int at = 0;  // the place in torchvision's list, where a ReLU has a number of its own
  for (const Stage& s :
       {Stage{.out = 64, .kernel = 11, .stride = 4, .pad = 2, .pool = true},
        {.out = 192, .kernel = 5, .pad = 2, .pool = true},
        {.out = 384, .kernel = 3, .pad = 1},
        {.out = 256, .kernel = 3, .pad = 1},
        {.out = 256, .kernel = 3, .pad = 1, .pool = true}}) {
    features->emplace<ConvRelu>(std::to_string(at), options(in, s));
    at += 2;
    if (s.pool)
      features->emplace<nn::MaxPool2d>(
          std::to_string(at++), Pool2dOptions{.kernel = {3, 3}, .stride = {2, 2}});
    in = s.out;
  }
  auto classifier = std::make_unique<nn::Sequential>();
  in = code;
  for (int i = 0; i < 2; ++i) {
    classifier->add(dropout());
    classifier->add(hidden(in, 4096));
    classifier->add(std::make_unique<nn::Activation>("relu"));
    in = 4096;
  }
  classifier->add(last(o.classes));

  auto net = std::make_unique<nn::Sequential>();
  net->add("features", std::move(features));
  net->emplace<nn::AdaptiveAvgPool2d>("avgpool", 6, 6);
  net->emplace<nn::Flatten>("flatten");
  net->add("classifier", std::move(classifier));
  return net;
}

}  // namespace

std::span<const Entry> alexnet_entries() {
  static const Entry rows[] = {
      {.name = "alexnet",
       .paper = "Krizhevsky 2014, One weird trick",
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_alexnet,
       .torchvision = {"alexnet", "AlexNet_Weights.IMAGENET1K_V1"}},
      {.name = "alexnet_paper",
       .paper = "Krizhevsky et al. 2012, ImageNet classification with deep convolutional networks",
       .input = {227, 227, 3},
       .classes = 1000,
       .make = make<krizhevsky>},
      {.name = "zfnet",
       .paper = "Zeiler and Fergus 2014, Visualizing and understanding convolutional networks",
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<zeiler>},
  };
  return rows;
}

}  // namespace fovea::models
