#include "fovea/models/resnet.h"

#include <array>
#include <optional>

#include "fovea/core/errors.h"
#include "fovea/models/blocks.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"

namespace fovea::models {

namespace {

// The 1x1 projection of a shortcut whose shape changes: convolution "0", batch norm "1".
std::unique_ptr<nn::Sequential> downsample(int64_t in, int64_t out, int stride) {
  auto d = std::make_unique<nn::Sequential>();
  d->add(std::make_unique<nn::Conv2d>(plain_conv(in, out, 1, stride)));
  d->add(std::make_unique<nn::BatchNorm>(nn::BatchNorm::Options{.channels = out}));
  return d;
}

// Convolutions conv1..convN with batch norms bn1..bnN, a ReLU behind each, the shortcut added
// before the last.
class Block : public nn::Module {
 public:
  Block(std::vector<nn::Conv2d::Options> convs, int64_t in, int64_t out, int stride) {
    for (const auto& o : convs) {
      convs_.emplace_back(o);
      bns_.emplace_back(nn::BatchNorm::Options{.channels = o.out});
    }
    if (in != out || stride != 1) downsample_ = downsample(in, out, stride);
  }

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor y = x;
    for (size_t i = 0; i < convs_.size(); ++i) {
      std::string n = std::to_string(i + 1);
      y = ctx.run("conv" + n, convs_[i], y);
      bool last = i + 1 == convs_.size();
      Tensor shortcut;
      if (last) shortcut = downsample_ ? ctx.run("downsample", *downsample_, x) : x;
      y = ctx.within("bn" + n, [&] { return bns_[i].forward_relu(y, ctx, shortcut); });
    }
    return y;
  }
  void visit(Visitor& v) override {
    for (size_t i = 0; i < convs_.size(); ++i) {
      v.child("conv" + std::to_string(i + 1), convs_[i]);
      v.child("bn" + std::to_string(i + 1), bns_[i]);
    }
    if (downsample_) v.child("downsample", *downsample_);
  }

 private:
  std::vector<nn::Conv2d> convs_;
  std::vector<nn::BatchNorm> bns_;
  std::unique_ptr<nn::Sequential> downsample_;
};

std::unique_ptr<nn::Module> basic(int64_t in, int64_t width, int stride) {
  return std::make_unique<Block>(
      std::vector{plain_conv(in, width, 3, stride), plain_conv(width, width, 3)},
      in,
      width,
      stride);
}

// The stride is that of the first 1x1 convolution or of the 3x3 one.
template <bool stride_first>
std::unique_ptr<nn::Module> bottleneck(int64_t in, int64_t width, int stride) {
  return std::make_unique<Block>(
      std::vector{
          plain_conv(in, width, 1, stride_first ? stride : 1),
          plain_conv(width, width, 3, stride_first ? 1 : stride),
          plain_conv(width, 4 * width, 1)},
      in,
      4 * width,
      stride);
}

struct Plan {
  std::array<int, 4> blocks;
  bool deep;                  // bottleneck blocks
  bool stride_first = false;  // in the first convolution of a bottleneck
};

Plan plan_of(int depth) {
  switch (depth) {
    case 18:
      return {{2, 2, 2, 2}, false};
    case 34:
      return {{3, 4, 6, 3}, false};
    case 50:
      return {{3, 4, 6, 3}, true};
    case 101:
      return {{3, 4, 23, 3}, true};
    case 152:
      return {{3, 8, 36, 3}, true};
  }
  FOVEA_ASSERT(!"a depth of the table");
  return {};
}

class ResNet : public nn::Module {
 public:
  ResNet(const Plan& plan, bool small_stem, const MakeOptions& o)
      : small_stem_(small_stem),
        conv1_(small_stem ? plain_conv(o.input[2], 64, 3) : plain_conv(o.input[2], 64, 7, 2)),
        bn1_({.channels = 64}),
        maxpool_({.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}}),
        fc_({.in = plan.deep ? 2048 : 512, .out = o.classes}) {
    int64_t in = 64;
    for (size_t stage = 0; stage < 4; ++stage) {
      int64_t width = 64 << stage;
      for (int i = 0; i < plan.blocks[stage]; ++i) {
        int stride = stage > 0 && i == 0 ? 2 : 1;
        auto* block = !plan.deep ? basic : plan.stride_first ? bottleneck<true> : bottleneck<false>;
        layers_[stage].add(block(in, width, stride));
        in = plan.deep ? 4 * width : width;
      }
    }
  }

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor y = ctx.run("conv1", conv1_, x);
    y = ctx.within("bn1", [&] { return bn1_.forward_relu(y, ctx); });
    if (!small_stem_) y = ctx.run("maxpool", maxpool_, y);
    for (size_t i = 0; i < 4; ++i) y = ctx.run("layer" + std::to_string(i + 1), layers_[i], y);
    return ctx.run("fc", fc_, ctx.run("avgpool", avgpool_, y));
  }
  void visit(Visitor& v) override {
    v.child("conv1", conv1_);
    v.child("bn1", bn1_);
    for (size_t i = 0; i < 4; ++i) v.child("layer" + std::to_string(i + 1), layers_[i]);
    v.child("fc", fc_);
  }

 private:
  bool small_stem_;
  nn::Conv2d conv1_;
  nn::BatchNorm bn1_;
  nn::MaxPool2d maxpool_;
  std::array<nn::Sequential, 4> layers_;
  nn::GlobalAvgPool avgpool_;
  nn::Linear fc_;
};

constexpr std::string_view he2016_v1 = "the same with the stride in the first 1x1, as in the paper";
constexpr std::string_view he2016 = "He et al. 2016, Deep residual learning";

template <int depth>
std::unique_ptr<nn::Module> make(const MakeOptions& o) {
  return std::make_unique<ResNet>(plan_of(depth), false, o);
}

template <int depth>
std::unique_ptr<nn::Module> make_v1(const MakeOptions& o) {
  Plan plan = plan_of(depth);
  plan.stride_first = true;
  return std::make_unique<ResNet>(plan, false, o);
}

std::unique_ptr<nn::Module> make_resnet18_cifar(const MakeOptions& o) {
  return std::make_unique<ResNet>(plan_of(18), true, o);
}

}  // namespace

std::span<const Entry> resnet_entries() {
  static const Entry rows[] = {
      {"resnet18_cifar",
       "ResNet-18 with a 3x3 stem for 32x32 images",
       {32, 32, 3},
       10,
       make_resnet18_cifar},
      {.name = "resnet18",
       .paper = he2016,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<18>,
       .torchvision = {"resnet18", "ResNet18_Weights.IMAGENET1K_V1"},
       .timm = {"resnet18", "resnet18.tv_in1k"}},
      {.name = "resnet34",
       .paper = he2016,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<34>,
       .torchvision = {"resnet34", "ResNet34_Weights.IMAGENET1K_V1"},
       .timm = {"resnet34", "resnet34.tv_in1k"}},
      {.name = "resnet50",
       .paper = he2016,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<50>,
       .torchvision = {"resnet50", "ResNet50_Weights.IMAGENET1K_V1"},
       .timm = {"resnet50", "resnet50.tv_in1k"}},
      {.name = "resnet101",
       .paper = he2016,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<101>,
       .torchvision = {"resnet101", "ResNet101_Weights.IMAGENET1K_V1"},
       .timm = {"resnet101", "resnet101.tv_in1k"}},
      {.name = "resnet152",
       .paper = he2016,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make<152>,
       .torchvision = {"resnet152", "ResNet152_Weights.IMAGENET1K_V1"},
       .timm = {"resnet152", "resnet152.tv_in1k"}},
      {.name = "resnet50_v1",
       .paper = he2016_v1,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_v1<50>},
      {.name = "resnet101_v1",
       .paper = he2016_v1,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_v1<101>},
      {.name = "resnet152_v1",
       .paper = he2016_v1,
       .input = {224, 224, 3},
       .classes = 1000,
       .make = make_v1<152>},
  };
  return rows;
}

}  // namespace fovea::models
