#include "fovea/models/lenet.h"

#include <fmt/format.h>

#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/conv.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

std::unique_ptr<nn::Module> make_lenet5(const MakeOptions& o) {
  int64_t h = (o.input[0] / 2 - 4) / 2, w = (o.input[1] / 2 - 4) / 2;
  if (h < 1 || w < 1)
    throw std::invalid_argument(fmt::format(
        "[lenet5] expected an input of at least 12x12, got {}x{}", o.input[0], o.input[1]));
  auto relu = [] { return std::make_unique<nn::Activation>("relu"); };
  auto pool = [] { return std::make_unique<nn::MaxPool2d>(Pool2dOptions{.kernel = {2, 2}}); };

  auto net = std::make_unique<nn::Sequential>();
  net->add("conv1", std::make_unique<nn::Conv2d>(nn::same_conv(o.input[2], 6, 5)));
  net->add("relu1", relu());
  net->add("pool1", pool());
  net->add(
      "conv2",
      std::make_unique<nn::Conv2d>(nn::Conv2d::Options{.in = 6, .out = 16, .kernel = {5, 5}}));
  net->add("relu2", relu());
  net->add("pool2", pool());
  net->add("flatten", std::make_unique<nn::Flatten>());
  auto fc = [](int64_t in, int64_t out, nn::Init init) {
    return std::make_unique<nn::Linear>(nn::Linear::Options{.in = in, .out = out, .init = init});
  };
  net->add("fc1", fc(16 * h * w, 120, nn::he_normal()));
  net->add("relu3", relu());
  net->add("fc2", fc(120, 84, nn::he_normal()));
  net->add("relu4", relu());
  net->add("fc3", fc(84, o.classes, nn::lecun_uniform()));
  return net;
}

}  // namespace

std::span<const Entry> lenet_entries() {
  static const Entry rows[] = {
      {"lenet5",
       "LeCun et al. 1998, Gradient-based learning; with ReLU and max pooling",
       {28, 28, 1},
       10,
       make_lenet5},
  };
  return rows;
}

}  // namespace fovea::models
