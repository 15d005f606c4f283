#include "fovea/models/nin.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

struct Block {
  int64_t kernel;
  int stride, pad;
  int64_t widths[3];
};

// x (N, H, W, in) -> (N, H', W', widths[2]).
std::unique_ptr<nn::Module> mlpconv(int64_t in, const Block& b) {
  auto net = std::make_unique<nn::Sequential>();
  net->add(std::make_unique<ConvRelu>(nn::Conv2d::Options{
      .in = in,
      .out = b.widths[0],
      .kernel = {b.kernel, b.kernel},
      .conv = {.stride = {b.stride, b.stride}, .pad = {b.pad, b.pad, b.pad, b.pad}}}));
  for (int i : {1, 2})
    net->add(std::make_unique<ConvRelu>(nn::same_conv(b.widths[i - 1], b.widths[i], 1)));
  return net;
}

constexpr Pool2dOptions halving{.kernel = {3, 3}, .stride = {2, 2}, .rounding = Rounding::ceil};

std::unique_ptr<nn::Module> dropout() {
  return std::make_unique<nn::Dropout>(nn::Dropout::Options{.rate = 0.5});
}

std::unique_ptr<nn::Module> make_nin(const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  net->add("mlpconv1", mlpconv(o.input[2], {11, 4, 0, {96, 96, 96}}));
  net->emplace<nn::MaxPool2d>("pool1", halving);
  net->add("mlpconv2", mlpconv(96, {5, 1, 2, {256, 256, 256}}));
  net->emplace<nn::MaxPool2d>("pool2", halving);
  net->add("mlpconv3", mlpconv(256, {3, 1, 1, {384, 384, 384}}));
  net->emplace<nn::MaxPool2d>("pool3", halving);
  net->add("dropout", dropout());
  net->add("mlpconv4", mlpconv(384, {3, 1, 1, {1024, 1024, o.classes}}));
  net->emplace<nn::GlobalAvgPool>("pool4");
  return net;
}

std::unique_ptr<nn::Module> make_nin_cifar(const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  net->add("mlpconv1", mlpconv(o.input[2], {5, 1, 2, {192, 160, 96}}));
  net->emplace<nn::MaxPool2d>("pool1", halving);
  net->add("dropout1", dropout());
  net->add("mlpconv2", mlpconv(96, {5, 1, 2, {192, 192, 192}}));
  net->emplace<nn::AvgPool2d>("pool2", halving);
  net->add("dropout2", dropout());
  net->add("mlpconv3", mlpconv(192, {3, 1, 1, {192, 192, o.classes}}));
  net->emplace<nn::GlobalAvgPool>("pool3");
  return net;
}

constexpr std::string_view lin2014 = "Lin et al. 2014, Network in network";

}  // namespace

std::span<const Entry> nin_entries() {
  static const Entry rows[] = {
      {"nin", lin2014, {224, 224, 3}, 1000, make_nin},
      {"nin_cifar", lin2014, {32, 32, 3}, 10, make_nin_cifar},
  };
  return rows;
}

}  // namespace fovea::models
