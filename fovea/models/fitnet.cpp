#include "fovea/models/fitnet.h"

#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/conv.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

constexpr int pieces = 2;

// Widths of the convolutions; each stage but the last ends with a pooling, the last with the
// maximum of the whole map.
using Stages = std::vector<std::vector<int64_t>>;

std::unique_ptr<nn::Module> network(const Stages& stages, const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  int64_t in = o.input[2];
  int convs = 0;
  for (size_t stage = 0; stage < stages.size(); ++stage) {
    for (int64_t out : stages[stage]) {
      const std::string number = std::to_string(++convs);
      net->emplace<nn::Conv2d>("conv" + number, nn::same_conv(in, pieces * out, 3));
      net->emplace<nn::Maxout>("maxout" + number, pieces);
      in = out;
    }
    const std::string pool = "pool" + std::to_string(stage + 1);
    if (stage + 1 < stages.size())
      net->emplace<nn::MaxPool2d>(pool, Pool2dOptions{.kernel = {2, 2}});
    else
      net->emplace<nn::AdaptiveMaxPool2d>(pool, 1, 1);
  }
  constexpr int64_t units = 500;
  net->emplace<nn::Flatten>("flatten");
  net->emplace<nn::Linear>(
      "fc", nn::Linear::Options{.in = in, .out = pieces * units, .init = nn::he_normal()});
  net->emplace<nn::Maxout>("maxout", pieces);
  net->emplace<nn::Linear>("score", nn::Linear::Options{.in = units, .out = o.classes});
  return net;
}

std::unique_ptr<nn::Module> make_fitnet1(const MakeOptions& o) {
  return network({{16, 16, 16}, {32, 32, 32}, {48, 48, 64}}, o);
}

std::unique_ptr<nn::Module> make_fitnet4(const MakeOptions& o) {
  return network(
      {{32, 32, 32, 48, 48}, {80, 80, 80, 80, 80, 80}, {128, 128, 128, 128, 128, 128}}, o);
}

constexpr std::string_view romero2015 = "Romero et al. 2015, FitNets: hints for thin deep nets";

}  // namespace

std::span<const Entry> fitnet_entries() {
  static const Entry rows[] = {
      {"fitnet1", romero2015, {32, 32, 3}, 10, make_fitnet1},
      {"fitnet4", romero2015, {32, 32, 3}, 10, make_fitnet4},
  };
  return rows;
}

}  // namespace fovea::models
