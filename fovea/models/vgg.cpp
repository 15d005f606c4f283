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

std::unique_ptr<nn::Sequential> features(int layers, bool batch_norm, int64_t in) {
  auto net = std::make_unique<nn::Sequential>();
  int at = 0;  // the place in torchvision's list, where a ReLU has a number of its own
  auto add = [&](std::unique_ptr<nn::Module> m) { net->add(std::to_string(at++), std::move(m)); };
  const int64_t widths[] = {64, 128, 256, 512, 512};
  const auto stages = stages_of(layers);
  for (size_t stage = 0; stage < stages.size(); ++stage) {
    const int64_t out = widths[stage];
    for (int i = 0; i < stages[stage]; ++i) {
      nn::Conv2d::Options conv = nn::same_conv(in, out, 3);
      conv.init = nn::he_normal(nn::Init::Fan::out);
      if (batch_norm) {
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

}  // namespace

std::unique_ptr<nn::Module> make_vgg(int layers, bool batch_norm, const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  net->add("features", features(layers, batch_norm, o.input[2]));
  net->add("avgpool", std::make_unique<nn::AdaptiveAvgPool2d>(7, 7));
  net->add("flatten", std::make_unique<nn::Flatten>());
  net->add("classifier", classifier(o.classes));
  return net;
}

}  // namespace fovea::models
