#include "fovea/models/preact_resnet.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/dropout.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/elementwise.h"

namespace fovea::models {

namespace {

enum class Shortcut : uint8_t { zero_padded, projected };  // where the shape changes

// y = conv2(relu(bn2(conv1(a)))) + shortcut with a = relu(bn1(x)).
class Block : public nn::Module {
 public:
  struct Options {
    int64_t in = 0, out = 0;
    int stride = 1;
    Shortcut shortcut = Shortcut::projected;
    double dropout = 0;
    bool first = false;  // of the network: its shortcut begins behind the activation, too
  };
  explicit Block(const Options& o)
      : o_(o),
        bn1_({.channels = o.in}),
        bn2_({.channels = o.out}),
        conv1_(plain_conv(o.in, o.out, 3, o.stride)),
        conv2_(plain_conv(o.out, o.out, 3)),
        dropout_({.rate = o.dropout}) {
    if (o.shortcut == Shortcut::projected && (o.in != o.out || o.stride != 1))
      shortcut_.emplace(plain_conv(o.in, o.out, 1, o.stride));
  }

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor a = ctx.run("bn1", bn1_, x);
    Tensor y = ctx.run("conv1", conv1_, a);
    y = ctx.run("bn2", bn2_, y);
    if (o_.dropout > 0) y = ctx.run("dropout", dropout_, y);
    y = ctx.run("conv2", conv2_, y);
    if (shortcut_) return y + ctx.run("shortcut", *shortcut_, a);
    return y + zero_padded_shortcut(o_.first ? a : x, o_.out - o_.in, o_.stride);
  }
  void visit(Visitor& v) override {
    v.child("bn1", bn1_);
    v.child("conv1", conv1_);
    v.child("bn2", bn2_);
    v.child("conv2", conv2_);
    if (shortcut_) v.child("shortcut", *shortcut_);
  }

 private:
  Options o_;
  BnRelu bn1_, bn2_;
  nn::Conv2d conv1_, conv2_;
  nn::Dropout dropout_;
  std::optional<nn::Conv2d> shortcut_;
};

struct Plan {
  std::vector<int64_t> widths;  // of the stages, which begin with stride 2 but for the first
  int blocks = 1;               // in each stage
  int64_t stem = 16;
  bool large = false;  // a 7x7 stem with stride 2 and max pooling, for large pictures
  Shortcut shortcut = Shortcut::projected;
  double dropout = 0;
};

std::unique_ptr<nn::Module> build(const Plan& plan, const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  net->emplace<nn::Conv2d>(
      "conv1",
      plan.large ? plain_conv(o.input[2], plan.stem, 7, 2) : plain_conv(o.input[2], plan.stem, 3));
  if (plan.large)
    net->emplace<nn::MaxPool2d>(
        "maxpool", Pool2dOptions{.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}});
  int64_t in = plan.stem;
  for (size_t s = 0; s < plan.widths.size(); ++s) {
    auto stage = std::make_unique<nn::Sequential>();
    for (int i = 0; i < plan.blocks; ++i) {
      stage->add(std::make_unique<Block>(Block::Options{
          .in = in,
          .out = plan.widths[s],
          .stride = s > 0 && i == 0 ? 2 : 1,
          .shortcut = plan.shortcut,
          .dropout = plan.dropout,
          .first = s == 0 && i == 0}));
      in = plan.widths[s];
    }
    net->add("layer" + std::to_string(s + 1), std::move(stage));
  }
  net->emplace<BnRelu>("bn", nn::BatchNorm::Options{.channels = in});
  net->emplace<nn::GlobalAvgPool>("pool");
  net->emplace<nn::Linear>("fc", nn::Linear::Options{.in = in, .out = o.classes});
  return net;
}

constexpr std::string_view he2016b = "He et al. 2016, Identity mappings in deep residual networks";
constexpr std::string_view zagoruyko2016 = "Zagoruyko and Komodakis 2016, Wide residual networks";

template <int depth>
std::unique_ptr<nn::Module> make(const MakeOptions& o) {
  static_assert(depth >= 8 && (depth - 2) % 6 == 0);
  return build(
      {.widths = {16, 32, 64}, .blocks = (depth - 2) / 6, .shortcut = Shortcut::zero_padded}, o);
}

std::unique_ptr<nn::Module> make_preact_resnet18(const MakeOptions& o) {
  return build({.widths = {64, 128, 256, 512}, .blocks = 2, .stem = 64, .large = true}, o);
}

template <int depth, int64_t k, int percent = 0>
std::unique_ptr<nn::Module> make_wide(const MakeOptions& o) {
  static_assert(depth >= 10 && (depth - 4) % 6 == 0);
  return build(
      {.widths = {16 * k, 32 * k, 64 * k}, .blocks = (depth - 4) / 6, .dropout = percent / 100.0},
      o);
}

}  // namespace

std::span<const Entry> preact_resnet_entries() {
  static const Entry rows[] = {
      {"preact_resnet20", he2016b, {32, 32, 3}, 10, make<20>},
      {"preact_resnet56", he2016b, {32, 32, 3}, 10, make<56>},
      {"preact_resnet110", he2016b, {32, 32, 3}, 10, make<110>},
      {"preact_resnet18", he2016b, {224, 224, 3}, 1000, make_preact_resnet18},
      {"wrn16_4", zagoruyko2016, {32, 32, 3}, 10, make_wide<16, 4>},
      {"wrn28_10", zagoruyko2016, {32, 32, 3}, 10, make_wide<28, 10>},
      {"wrn28_10_dropout", "the same with dropout of 0.3", {32, 32, 3}, 10, make_wide<28, 10, 30>},
  };
  return rows;
}

}  // namespace fovea::models
