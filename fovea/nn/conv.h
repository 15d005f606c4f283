#pragma once

#include <optional>

#include "fovea/nn/module.h"
#include "fovea/ops/conv.h"

namespace fovea::nn {

// x (N, H, W, in) -> (N, Ho, Wo, out). Keys: weight (out, kh, kw, in / groups), bias (out).
class Conv2d : public Module {
 public:
  struct Options {
    int64_t in = 0, out = 0;
    std::array<int64_t, 2> kernel{3, 3};
    Conv2dOptions conv;
    bool bias = true;
    Init init = he_normal();
    Init bias_init = constant(0);
  };
  explicit Conv2d(const Options& o);
  Tensor forward(const Tensor& x, Ctx& ctx) const override;
  Tensor forward_relu(
      const Tensor& x, Ctx& ctx) const;  // max(forward, 0) in one pass; needs a bias
  void visit(Visitor& v) override;
  const Options& options() const { return o_; }

 private:
  Options o_;
  Tensor weight_;
  std::optional<Tensor> bias_;
};

// The square kernel and padding most layers use: `same_conv(3, 16, 3)` keeps the size at stride 1.
Conv2d::Options same_conv(int64_t in, int64_t out, int64_t kernel, int stride = 1);

// The adjoint of a convolution ("deconvolution", fractionally strided): x (N, H, W, in) ->
// (N, (H - 1) stride - 2 pad + dilation (kernel - 1) + output_pad + 1, ..., out). Keys: weight
// (in, kh, kw, out / groups), bias (out).
class ConvTranspose2d : public Module {
 public:
  struct Options {
    int64_t in = 0, out = 0;
    std::array<int64_t, 2> kernel{2, 2};
    Conv2dOptions conv;  // of the convolution it is the adjoint of
    std::array<int, 2> output_pad{0, 0};
    bool bias = true;
    Init init = he_normal();
  };
  explicit ConvTranspose2d(const Options& o);
  Tensor forward(const Tensor& x, Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  Options o_;
  Tensor weight_;
  std::optional<Tensor> bias_;
};

}  // namespace fovea::nn
