#include "fovea/models/mlp.h"

#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/linear.h"

namespace fovea::models {

namespace {

std::unique_ptr<nn::Module> make_linear(const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  net->add(std::make_unique<nn::Flatten>());
  net->add(std::make_unique<nn::Linear>(
      nn::Linear::Options{.in = o.input.numel(), .out = o.classes, .init = nn::normal(0.01)}));
  return net;
}

std::unique_ptr<nn::Module> make_two_layer(const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  net->add(std::make_unique<nn::Flatten>());
  net->add(std::make_unique<nn::Linear>(
      nn::Linear::Options{.in = o.input.numel(), .out = 100, .init = nn::he_normal()}));
  net->add(std::make_unique<nn::Activation>("relu"));
  net->add(std::make_unique<nn::Linear>(nn::Linear::Options{.in = 100, .out = o.classes}));
  return net;
}

}  // namespace

std::span<const Entry> mlp_entries() {
  static const Entry rows[] = {
      {"linear", "softmax regression, CS231n lecture 2", {28, 28, 1}, 10, make_linear},
      {"two_layer",
       "one hidden layer of 100 ReLUs, CS231n lecture 4",
       {28, 28, 1},
       10,
       make_two_layer},
  };
  return rows;
}

}  // namespace fovea::models
