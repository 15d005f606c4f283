#include "fovea/models/densenet.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/join.h"

namespace fovea::models {

namespace {

// x (N, H, W, in) -> (N, H, W, in + k): x and behind it k new channels.
class DenseLayer : public nn::Module {
 public:
  DenseLayer(int64_t in, int64_t k)
      : norm1_({.channels = in}),
        norm2_({.channels = 4 * k}),
        conv1_(plain_conv(in, 4 * k, 1)),
        conv2_(plain_conv(4 * k, k, 3)) {}

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor y = ctx.run("conv1", conv1_, ctx.run("norm1", norm1_, x));
    return concat({x, ctx.run("conv2", conv2_, ctx.run("norm2", norm2_, y))}, -1);
  }
  void visit(Visitor& v) override {
    v.child("norm1", norm1_);
    v.child("conv1", conv1_);
    v.child("norm2", norm2_);
    v.child("conv2", conv2_);
  }

 private:
  BnRelu norm1_, norm2_;
  nn::Conv2d conv1_, conv2_;
};

struct Plan {
  int64_t stem = 64, k = 32;
  std::vector<int> layers;  // of each block
  bool large = true;        // a 7x7 stem with stride 2 and max pooling, for large pictures
};

std::unique_ptr<nn::Module> build(const Plan& plan, const MakeOptions& o) {
  auto features = std::make_unique<nn::Sequential>();
  int64_t in = plan.stem;
  if (plan.large) {
    features->emplace<nn::Conv2d>("conv0", plain_conv(o.input[2], in, 7, 2));
    features->emplace<BnRelu>("norm0", nn::BatchNorm::Options{.channels = in});
    features->emplace<nn::MaxPool2d>(
        "pool0", Pool2dOptions{.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}});
  } else {
    features->emplace<nn::Conv2d>("conv0", plain_conv(o.input[2], in, 3));
  }
  for (size_t b = 1; b <= plan.layers.size(); ++b) {
    auto block = std::make_unique<nn::Sequential>();
    for (int l = 1; l <= plan.layers[b - 1]; ++l, in += plan.k)
      block->emplace<DenseLayer>("denselayer" + std::to_string(l), in, plan.k);
    features->add("denseblock" + std::to_string(b), std::move(block));
    if (b == plan.layers.size()) break;
    auto transition = std::make_unique<nn::Sequential>();
    transition->emplace<BnRelu>("norm", nn::BatchNorm::Options{.channels = in});
    transition->emplace<nn::Conv2d>("conv", plain_conv(in, in / 2, 1));
    transition->emplace<nn::AvgPool2d>("pool", Pool2dOptions{.kernel = {2, 2}});
    features->add("transition" + std::to_string(b), std::move(transition));
    in /= 2;
  }
  features->emplace<BnRelu>(
      "norm" + std::to_string(plan.layers.size() + 1), nn::BatchNorm::Options{.channels = in});

  auto net = std::make_unique<nn::Sequential>();
  net->add("features", std::move(features));
  net->emplace<nn::GlobalAvgPool>("pool");
  net->emplace<nn::Linear>("classifier", nn::Linear::Options{.in = in, .out = o.classes});
  return net;
}

std::unique_ptr<nn::Module> make_densenet121(const MakeOptions& o) {
  return build({.layers = {6, 12, 24, 16}}, o);
}

std::unique_ptr<nn::Module> make_densenet161(const MakeOptions& o) {
  return build({.stem = 96, .k = 48, .layers = {6, 12, 36, 24}}, o);
}

std::unique_ptr<nn::Module> make_densenet169(const MakeOptions& o) {
  return build({.layers = {6, 12, 32, 32}}, o);
}

std::unique_ptr<nn::Module> make_densenet201(const MakeOptions& o) {
  return build({.layers = {6, 12, 48, 32}}, o);
}

std::unique_ptr<nn::Module> make_densenet_bc100_12(const MakeOptions& o) {
  return build({.stem = 24, .k = 12, .layers = {16, 16, 16}, .large = false}, o);
}

constexpr std::string_view huang2017 =
    "Huang et al. 2017, Densely connected convolutional networks";

}  // namespace

std::span<const Entry> densenet_entries() {
  static const Entry rows[] = {
      {.name = "densenet121",
       .paper = huang2017,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_densenet121,
       .torchvision = {"densenet121", "DenseNet121_Weights.IMAGENET1K_V1"},
       .timm = {"densenet121", "densenet121.tv_in1k"}},
      {.name = "densenet161",
       .paper = huang2017,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_densenet161,
       .torchvision = {"densenet161", "DenseNet161_Weights.IMAGENET1K_V1"},
       .timm = {"densenet161", "densenet161.tv_in1k"}},
      {.name = "densenet169",
       .paper = huang2017,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_densenet169,
       .torchvision = {"densenet169", "DenseNet169_Weights.IMAGENET1K_V1"},
       .timm = {"densenet169", "densenet169.tv_in1k"}},
      {.name = "densenet201",
       .paper = huang2017,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_densenet201,
       .torchvision = {"densenet201", "DenseNet201_Weights.IMAGENET1K_V1"},
       .timm = {"densenet201", "densenet201.tv_in1k"}},
      {"densenet_bc100_12", huang2017, {32, 32, 3}, 10, make_densenet_bc100_12},
  };
  return rows;
}

}  // namespace fovea::models
