#include "fovea/models/highway.h"

#include "fovea/models/blocks.h"
#include "fovea/nn/activation.h"
#include "fovea/nn/containers.h"
#include "fovea/nn/linear.h"
#include "fovea/nn/pool.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/elementwise.h"

namespace fovea::models {

namespace {

// Where the bias of a transform gate begins (section 2.2 of the paper: between -1 and -10).
constexpr double gate_bias = -2;

// y = H(x) T(x) + x (1 - T(x)), H and T from layers of one type that keep the shape of x.
template <class Layer>
class Highway : public nn::Module {
 public:
  explicit Highway(const typename Layer::Options& o) : h_(o), t_(gate(o)) {}

  Tensor forward(const Tensor& x, nn::Ctx& ctx) const override {
    Tensor h = relu(ctx.run("h", h_, x));
    Tensor t = sigmoid(ctx.run("t", t_, x));
    return x + (h - x) * t;
  }
  void visit(Visitor& v) override {
    v.child("h", h_);
    v.child("t", t_);
  }

 private:
  static typename Layer::Options gate(typename Layer::Options o) {
    o.init = nn::xavier_normal();
    o.bias_init = nn::constant(gate_bias);
    return o;
  }

  Layer h_, t_;
};

std::unique_ptr<nn::Module> make_highway(const MakeOptions& o) {
  constexpr int64_t units = 50;
  auto net = std::make_unique<nn::Sequential>();
  auto layer = [](int64_t in) {
    return nn::Linear::Options{.in = in, .out = units, .init = nn::he_normal()};
  };
  net->emplace<nn::Flatten>("flatten");
  net->emplace<nn::Linear>("fc", layer(o.input.numel()));
  net->emplace<nn::Activation>("relu", "relu");
  for (int i = 1; i < 20; ++i)
    net->emplace<Highway<nn::Linear>>("highway" + std::to_string(i), layer(units));
  net->emplace<nn::Linear>("score", nn::Linear::Options{.in = units, .out = o.classes});
  return net;
}

std::unique_ptr<nn::Module> make_highway_cifar(const MakeOptions& o) {
  auto net = std::make_unique<nn::Sequential>();
  int64_t in = o.input[2];
  int stage = 0, number = 0;
  for (int64_t width : {16, 32, 64}) {
    const std::string suffix = std::to_string(++stage);
    net->emplace<ConvRelu>("conv" + suffix, nn::same_conv(in, width, 3));
    for (int i = 0; i < 4; ++i)
      net->emplace<Highway<nn::Conv2d>>(
          "highway" + std::to_string(++number), nn::same_conv(width, width, 3));
    if (stage < 3) net->emplace<nn::MaxPool2d>("pool" + suffix, Pool2dOptions{.kernel = {2, 2}});
    in = width;
  }
  net->emplace<nn::GlobalAvgPool>("pool3");
  net->emplace<nn::Linear>("score", nn::Linear::Options{.in = in, .out = o.classes});
  return net;
}

constexpr std::string_view srivastava2015 = "Srivastava et al. 2015, Training very deep networks";

}  // namespace

std::span<const Entry> highway_entries() {
  static const Entry rows[] = {
      {"highway", srivastava2015, {28, 28, 1}, 10, make_highway},
      {"highway_cifar",
       "convolutional highway layers for 32x32 images",
       {32, 32, 3},
       10,
       make_highway_cifar},
  };
  return rows;
}

}  // namespace fovea::models
