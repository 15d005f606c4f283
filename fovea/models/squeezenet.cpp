#include "fovea/models/squeezenet.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/join.h"

namespace fovea::models {

namespace {

enum class Version : uint8_t { v1_0, v1_1 };

// x (N, H, W, in) -> (N, H, W, 2 expand), the 1x1 half first.
class Fire : public nn::Module {
 public:
  struct Options {
    int64_t in = 0, squeeze = 0, expand = 0;
  };
  explicit Fire(const Options& o)
      : squeeze_(nn::same_conv(o.in, o.squeeze, 1)),
        expand1x1_(nn::same_conv(o.squeeze, o.expand, 1)),
        expand3x3_(nn::same_conv(o.squeeze, o.expand, 3)) {}

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor s = ctx.run("squeeze", squeeze_, x);
    return concat({ctx.run("expand1x1", expand1x1_, s), ctx.run("expand3x3", expand3x3_, s)}, -1);
  }
  void visit(Visitor& v) override {
    v.child("squeeze", squeeze_);
    v.child("expand1x1", expand1x1_);
    v.child("expand3x3", expand3x3_);
  }

 private:
  ConvRelu squeeze_, expand1x1_, expand3x3_;
};

std::unique_ptr<nn::Sequential> features(Version version, int64_t channels) {
  auto net = std::make_unique<nn::Sequential>();
  const bool paper = version == Version::v1_0;
  const int64_t kernel = paper ? 7 : 3;
  int64_t in = paper ? 96 : 64;
  net->add(
      "0",
      std::make_unique<ConvRelu>(nn::Conv2d::Options{
          .in = channels, .out = in, .kernel = {kernel, kernel}, .conv = {.stride = {2, 2}}}));
  // 0 stands for a pooling, other numbers for the width of a squeeze; a module gives 8 times that.
  const std::vector<int64_t> plan =
      paper ? std::vector<int64_t>{0, 16, 16, 32, 0, 32, 48, 48, 64, 0, 64}
            : std::vector<int64_t>{0, 16, 16, 0, 32, 32, 0, 48, 48, 64, 64};
  int at = 2;  // number 1 is torchvision's ReLU
  for (int64_t squeeze : plan) {
    std::unique_ptr<nn::Module> m;
    if (squeeze == 0) {
      m = std::make_unique<nn::MaxPool2d>(
          Pool2dOptions{.kernel = {3, 3}, .stride = {2, 2}, .rounding = Rounding::ceil});
    } else {
      m = std::make_unique<Fire>(
          Fire::Options{.in = in, .squeeze = squeeze, .expand = 4 * squeeze});
      in = 8 * squeeze;
    }
    net->add(std::to_string(at++), std::move(m));
  }
  return net;
}

template <Version version>
std::unique_ptr<nn::Module> make(const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  net->add("features", features(version, o.input[2]));
  if (o.linear_head) {
    net->add("pool", std::make_unique<nn::GlobalAvgPool>());
    net->add(
        "classifier",
        std::make_unique<nn::Linear>(nn::Linear::Options{.in = 512, .out = o.classes}));
    return net;
  }
  auto classifier = std::make_unique<nn::Sequential>();
  classifier->add(std::make_unique<nn::Dropout>(nn::Dropout::Options{.rate = 0.5}));
  nn::Conv2d::Options last = nn::same_conv(512, o.classes, 1);
  last.init = nn::normal(0.01);
  classifier->add(std::make_unique<ConvRelu>(last));
  classifier->add("3", std::make_unique<nn::GlobalAvgPool>());
  net->add("classifier", std::move(classifier));
  return net;
}

}  // namespace

std::span<const Entry> squeezenet_entries() {
  static const Entry rows[] = {
      {.name = "squeezenet1_0",
       .paper = "Iandola et al. 2016, SqueezeNet",
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<Version::v1_0>,
       .torchvision = {"squeezenet1_0", "SqueezeNet1_0_Weights.IMAGENET1K_V1"}},
      {.name = "squeezenet1_1",
       .paper = "SqueezeNet with 2.4 times fewer multiply-adds",
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<Version::v1_1>,
       .torchvision = {"squeezenet1_1", "SqueezeNet1_1_Weights.IMAGENET1K_V1"}},
  };
  return rows;
}

}  // namespace fovea::models
