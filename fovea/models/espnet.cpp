#include "fovea/models/espnet.h"

#include <fmt/format.h>

#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/conv.h"
#include "fovea/nn/norm.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/join.h"
#include "fovea/ops/pool.h"

namespace fovea::models {

namespace {

constexpr double eps = 1e-3;
constexpr int dilations[] = {1, 2, 4, 8, 16};

nn::Conv2d::Options plain(
    int64_t in, int64_t out, int64_t kernel, int stride = 1, int dilation = 1) {
  nn::Conv2d::Options o = nn::same_conv(in, out, kernel, stride);
  o.bias = false;
  o.conv.dilation = {dilation, dilation};
  for (int& side : o.conv.pad) side *= dilation;
  return o;
}

std::unique_ptr<nn::ConvTranspose2d> doubling(int64_t channels) {
  return std::make_unique<nn::ConvTranspose2d>(nn::ConvTranspose2d::Options{
      .in = channels, .out = channels, .conv = {.stride = {2, 2}}, .bias = false});
}

// Keys: bn, act.
class BnPRelu : public nn::Module {
 public:
  explicit BnPRelu(int64_t channels) : bn_({.channels = channels, .eps = eps}), act_(channels) {}
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    return ctx.run("act", act_, ctx.run("bn", bn_, x));
  }
  void visit(Visitor& v) override {
    v.child("bn", bn_);
    v.child("act", act_);
  }

 private:
  nn::BatchNorm bn_;
  nn::PRelu act_;
};

// Keys: conv, bn, act.
class ConvBnPRelu : public BnPRelu {
 public:
  explicit ConvBnPRelu(const nn::Conv2d::Options& o) : BnPRelu(o.out), conv_(o) {}
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    return BnPRelu::forward(ctx.run("conv", conv_, x), ctx);
  }
  void visit(Visitor& v) override {
    v.child("conv", conv_);
    BnPRelu::visit(v);
  }

 private:
  nn::Conv2d conv_;
};

// An efficient spatial pyramid (Mehta et al. 2018, section 3): channels are reduced, seen by five
// convolutions of growing dilation, and each result but the first has those before it added, which
// takes away the grid that dilation leaves. x (N, H, W, in) -> (N, H', W', out).
class Pyramid : public nn::Module {
 public:
  struct Options {
    int64_t in = 0, out = 0;
    bool shrinks = false;  // halves the sides, by a first convolution of 3 x 3 with stride 2
    bool adds = false;     // its input to its result
  };
  explicit Pyramid(const Options& o)
      : o_(o), reduce_(plain(o.in, o.out / 5, o.shrinks ? 3 : 1, o.shrinks ? 2 : 1)), end_(o.out) {
    const int64_t n = o.out / 5;
    for (int d : dilations) rows_.emplace_back(plain(n, d == 1 ? o.out - 4 * n : n, 3, 1, d));
  }

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    const Tensor reduced = ctx.run("c1.conv", reduce_, x);
    std::vector<Tensor> all;
    for (size_t i = 0; i < rows_.size(); ++i) {
      const Tensor y = ctx.run(row_name(i), rows_[i], reduced);
      all.push_back(i > 1 ? all.back() + y : y);
    }
    const Tensor joined = concat(all, -1);
    const Tensor sum = o_.adds ? x + joined : joined;
    return o_.shrinks ? end_.forward(sum, ctx) : ctx.run("bn", end_, sum);
  }
  void visit(Visitor& v) override {
    v.child("c1.conv", reduce_);
    for (size_t i = 0; i < rows_.size(); ++i) v.child(row_name(i), rows_[i]);
    if (o_.shrinks)
      end_.visit(v);
    else
      v.child("bn", end_);
  }

 private:
  static std::string row_name(size_t i) { return fmt::format("d{}.conv", dilations[i]); }

  Options o_;
  nn::Conv2d reduce_;
  std::vector<nn::Conv2d> rows_;
  BnPRelu end_;
};

// What the decoder reads: (N, H/2, W/2, 16 + C), (N, H/4, W/4, 128 + C), (N, H/8, W/8, classes).
struct Levels {
  Tensor first, second, third;
};

// Figure 4 of the paper, with the picture made smaller beside the first two levels.
class Encoder : public nn::Module {
 public:
  Encoder(int64_t channels, int64_t classes)
      : level1_(plain(channels, 16, 3, 2)),
        b1_(16 + channels),
        b2_(128 + channels),
        b3_(256),
        level2_0_({.in = 16 + channels, .out = 64, .shrinks = true}),
        level3_0_({.in = 128 + channels, .out = 128, .shrinks = true}),
        classifier_(plain(256, classes, 1)) {
    for (int i = 0; i < 2; ++i) level2_.emplace_back(Pyramid::Options{64, 64, false, true});
    for (int i = 0; i < 8; ++i) level3_.emplace_back(Pyramid::Options{128, 128, false, true});
  }

  Levels levels(const Tensor& x, nn::Ctx& ctx) const {
    auto halve = [](const Tensor& t) {
      return avg_pool2d(t, {.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}});
    };
    const Tensor half = halve(x);
    Levels l;
    l.first = ctx.run("b1", b1_, concat({ctx.run("level1", level1_, x), half}, -1));
    const Tensor second = ctx.run("level2_0", level2_0_, l.first);
    l.second = ctx.run(
        "b2", b2_, concat({chain("level2", level2_, second, ctx), second, halve(half)}, -1));
    const Tensor third = ctx.run("level3_0", level3_0_, l.second);
    const Tensor joined = concat({third, chain("level3", level3_, third, ctx)}, -1);
    l.third = ctx.run("classifier.conv", classifier_, ctx.run("b3", b3_, joined));
    return l;
  }
  // The scores of the third level, (N, H/8, W/8, classes).
  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override { return levels(x, ctx).third; }
  void visit(Visitor& v) override {
    v.child("level1", level1_);
    v.child("b1", b1_);
    v.child("level2_0", level2_0_);
    visit_all("level2", level2_, v);
    v.child("b2", b2_);
    v.child("level3_0", level3_0_);
    visit_all("level3", level3_, v);
    v.child("b3", b3_);
    v.child("classifier.conv", classifier_);
  }

 private:
  static Tensor chain(
      const char* name, const std::vector<Pyramid>& modules, const Tensor& x, nn::Ctx& ctx) {
    Tensor y = x;
    for (size_t i = 0; i < modules.size(); ++i)
      y = ctx.run(fmt::format("{}.{}", name, i), modules[i], y);
    return y;
  }
  static void visit_all(const char* name, std::vector<Pyramid>& modules, Visitor& v) {
    for (size_t i = 0; i < modules.size(); ++i) v.child(fmt::format("{}.{}", name, i), modules[i]);
  }

  ConvBnPRelu level1_;
  BnPRelu b1_, b2_, b3_;
  Pyramid level2_0_, level3_0_;
  std::vector<Pyramid> level2_, level3_;
  nn::Conv2d classifier_;
};

// The encoder and the way back up: scores doubled by transposed convolutions and joined with those
// of the finer level.
class EspNet : public nn::Module {
 public:
  EspNet(int64_t channels, int64_t classes)
      : encoder_(channels, classes),
        project_(plain(128 + channels, classes, 1)),
        norm_({.channels = classes, .eps = eps}),
        join_(plain(16 + channels + classes, classes, 3)),
        last_(doubling(classes)) {
    up3_.add(doubling(classes));
    combine_.add(std::make_unique<BnPRelu>(2 * classes));
    combine_.add(std::make_unique<Pyramid>(Pyramid::Options{.in = 2 * classes, .out = classes}));
    up2_.add(doubling(classes));
    up2_.add(std::make_unique<BnPRelu>(classes));
  }

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Levels l;
    ctx.within("encoder", [&] {
      l = encoder_.levels(x, ctx);
      return l.third;
    });
    const Tensor third = ctx.run("up_l3", up3_, ctx.run("br", norm_, l.third));
    const Tensor second = concat({ctx.run("level3_C.conv", project_, l.second), third}, -1);
    const Tensor finer = ctx.run("up_l2", up2_, ctx.run("combine_l2_l3", combine_, second));
    return ctx.run("classifier", *last_, ctx.run("conv", join_, concat({finer, l.first}, -1)));
  }
  void visit(Visitor& v) override {
    v.child("encoder", encoder_);
    v.child("level3_C.conv", project_);
    v.child("br", norm_);
    v.child("conv", join_);
    v.child("up_l3", up3_);
    v.child("combine_l2_l3", combine_);
    v.child("up_l2", up2_);
    v.child("classifier", *last_);
  }

 private:
  Encoder encoder_;
  nn::Conv2d project_;
  nn::BatchNorm norm_;
  ConvBnPRelu join_;
  nn::Sequential up3_, combine_, up2_;
  std::unique_ptr<nn::ConvTranspose2d> last_;
};

std::unique_ptr<nn::Module> make_espnet(const MakeOptions& o) {
  if (o.input[0] % 8 != 0 || o.input[1] % 8 != 0)
    throw std::invalid_argument(fmt::format(
        "[espnet] expected sides that are multiples of 8, got {}x{}", o.input[0], o.input[1]));
  if (o.classes < 5)
    throw std::invalid_argument(
        fmt::format("[espnet] expected at least 5 classes, got {}", o.classes));
  return std::make_unique<EspNet>(o.input[2], o.classes);
}

}  // namespace

std::span<const Entry> espnet_entries() {
  static const Entry rows[] = {
      {"espnet",
       "Mehta et al. 2018, ESPNet, p = 2, q = 8: scores for each pixel",
       {360, 480, 3},
       12,
       make_espnet},
  };
  return rows;
}

}  // namespace fovea::models
