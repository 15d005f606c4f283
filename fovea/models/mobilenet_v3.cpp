#include "fovea/models/mobilenet_v3.h"

#include "fovea/models/mobile_block.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

constexpr std::string_view relu = "relu", swish = "hard_swish";
constexpr nn::BatchNorm::Options norm{.eps = 1e-3, .momentum = 0.01};

struct Row {
  int64_t wide, kernel, out;
  bool excite;
  std::string_view act;
  int stride;
};

struct Plan {
  std::vector<Row> rows;
  int64_t features, hidden;  // channels before the pooling and of the classifier's inner layer
};

const Plan& large() {
  static const Plan plan{
      {
          {16, 3, 16, false, relu, 1},
          {64, 3, 24, false, relu, 2},
          {72, 3, 24, false, relu, 1},
          {72, 5, 40, true, relu, 2},
          {120, 5, 40, true, relu, 1},
          {120, 5, 40, true, relu, 1},
          {240, 3, 80, false, swish, 2},
          {200, 3, 80, false, swish, 1},
          {184, 3, 80, false, swish, 1},
          {184, 3, 80, false, swish, 1},
          {480, 3, 112, true, swish, 1},
          {672, 3, 112, true, swish, 1},
          {672, 5, 160, true, swish, 2},
          {960, 5, 160, true, swish, 1},
          {960, 5, 160, true, swish, 1},
      },
      960,
      1280};
  return plan;
}

const Plan& small() {
  static const Plan plan{
      {
          {16, 3, 16, true, relu, 2},
          {72, 3, 24, false, relu, 2},
          {88, 3, 24, false, relu, 1},
          {96, 5, 40, true, swish, 2},
          {240, 5, 40, true, swish, 1},
          {240, 5, 40, true, swish, 1},
          {120, 5, 48, true, swish, 1},
          {144, 5, 48, true, swish, 1},
          {288, 5, 96, true, swish, 2},
          {576, 5, 96, true, swish, 1},
          {576, 5, 96, true, swish, 1},
      },
      576,
      1024};
  return plan;
}

// A quarter of the channels, as a multiple of 8 that is at least 0.9 of it.
int64_t squeezed(int64_t channels) {
  const int64_t nearest = std::max<int64_t>(8, (channels / 4 + 4) / 8 * 8);
  return nearest * 40 < channels * 9 ? nearest + 8 : nearest;
}

template <const Plan& (*plan)()>
std::unique_ptr<nn::Module> make(const MakeOptions& o) {
  auto features = std::make_unique<nn::Sequential>();
  int64_t in = 16;
  features->add(conv_bn(plain_conv(o.input[2], in, 3, 2), swish, norm));
  for (const Row& r : plan().rows) {
    features->add(std::make_unique<MobileBlock>(MobileBlock::Options{
        .in = in,
        .wide = r.wide,
        .out = r.out,
        .kernel = r.kernel,
        .stride = r.stride,
        .act = r.act,
        .excite = {.squeezed = r.excite ? squeezed(r.wide) : 0},
        .bn = norm}));
    in = r.out;
  }
  features->add(conv_bn(plain_conv(in, plan().features, 1), swish, norm));

  auto classifier = std::make_unique<nn::Sequential>();
  classifier->add(std::make_unique<nn::Linear>(
      nn::Linear::Options{.in = plan().features, .out = plan().hidden, .init = nn::normal(0.01)}));
  classifier->add(std::make_unique<nn::Activation>(swish));
  classifier->add(std::make_unique<nn::Dropout>(nn::Dropout::Options{.rate = 0.2}));
  classifier->add(std::make_unique<nn::Linear>(
      nn::Linear::Options{.in = plan().hidden, .out = o.classes, .init = nn::normal(0.01)}));

  auto net = std::make_unique<nn::Sequential>();
  net->add("features", std::move(features));
  net->emplace<nn::GlobalAvgPool>("pool");
  net->add("classifier", std::move(classifier));
  return net;
}

constexpr std::string_view howard2019 = "Howard et al. 2019, Searching for MobileNetV3";

}  // namespace

std::span<const Entry> mobilenet_v3_entries() {
  static const Entry rows[] = {
      {.name = "mobilenet_v3_large",
       .paper = howard2019,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<large>,
       .torchvision = {"mobilenet_v3_large", "MobileNet_V3_Large_Weights.IMAGENET1K_V1"},
       .timm = {"mobilenetv3_large_100", "mobilenetv3_large_100.ra_in1k"}},
      {.name = "mobilenet_v3_small",
       .paper = howard2019,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<small>,
       .torchvision = {"mobilenet_v3_small", "MobileNet_V3_Small_Weights.IMAGENET1K_V1"},
       .timm = {"mobilenetv3_small_100", "mobilenetv3_small_100.lamb_in1k"}},
  };
  return rows;
}

}  // namespace fovea::models
