#pragma once

#include <array>

#include "fovea/core/primitive.h"
#include "fovea/ops/window.h"

// Two-dimensional convolution (cross-correlation, as every framework has it) and its gradients:
//   y[n, i, j, o] = b[o] + sum_{p, q, c} x[n, i s - t + p d, j s - l + q d, c] w[o, p, q, c]
// with stride s, dilation d, padding t above and l to the left. Three primitives that are each
// other's derivatives, so gradients of any order need no more kernels.
namespace fovea {

struct Conv2dOptions {
  std::array<int, 2> stride{1, 1};     // down, right
  std::array<int, 4> pad{0, 0, 0, 0};  // top, bottom, left, right
  std::array<int, 2> dilation{1, 1};   // distance of the taps; 1 is an ordinary convolution
  int groups = 1;                      // as many as channels: depthwise
  bool exact = false;                  // throw when windows do not tile the padded input exactly
  friend bool operator==(const Conv2dOptions&, const Conv2dOptions&) = default;
};

// x (N, H, W, I), w (O, kh, kw, I / groups), b (O) -> y (N, Ho, Wo, O), where
// Ho = floor((H + top + bottom - dilation (kh - 1) - 1) / stride) + 1. What is left over at the far
// edge is not read, unless `exact` rejects it. f32 or f64.
Tensor conv2d(const Tensor& x, const Tensor& w, const Conv2dOptions& o = {});
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dOptions& o = {});

// conv2d + residual in one pass; residual has the shape of the result.
Tensor conv2d_add(
    const Tensor& x,
    const Tensor& w,
    const Tensor& b,
    const Tensor& residual,
    const Conv2dOptions& o = {});

// max(conv2d [+ residual], 0) in one pass; its gradient needs only the result.
// A NaN may become 0 here on the cpu backend; relu(conv2d(...)) keeps it.
Tensor conv2d_relu(
    const Tensor& x,
    const Tensor& w,
    const Tensor& b,
    const Conv2dOptions& o = {},
    const Tensor& residual = {});

// The transpose of the linear map x -> conv2d(x, w), also called fractionally strided convolution
// (Zeiler et al. 2010; Dumoulin and Visin 2016): y (N, Ho, Wo, O) -> x (N, H, W, I) with the
// weights w (O, kh, kw, I / groups) of the convolution it transposes, so O is the channels that
// come in. `x_shape` says which of the sizes that give y's is meant; see conv2d_transpose_shape.
Tensor conv2d_transpose(
    const Tensor& y, const Tensor& w, const Shape& x_shape, const Conv2dOptions& o = {});

// The shape of conv2d's result; throws as it does.
Shape conv2d_shape(const Shape& x, const Shape& w, const Conv2dOptions& o = {});

// The smallest x that y can come from, plus `extra` rows and columns (PyTorch's output_padding).
Shape conv2d_transpose_shape(
    const Shape& y, const Shape& w, const Conv2dOptions& o = {}, std::array<int, 2> extra = {0, 0});

// What the kernels need to know.
struct ConvExtents {
  int64_t n = 0, h = 0, w = 0, in = 0;  // x
  int64_t ho = 0, wo = 0, out = 0;      // y
  int64_t kh = 0, kw = 0, groups = 1;
  Window down, right;

  ConvExtents(const Shape& x, const Shape& weights, const Shape& y, const Conv2dOptions& o);
};

// Inputs x, w [, b] [, residual]. The residual is added to the sum, and with relu what is negative
// then becomes 0.
class ConvFwd : public Primitive {
 public:
  explicit ConvFwd(Conv2dOptions o, bool relu = false, bool residual = false)
      : o_(o), relu_(relu), residual_(residual) {}
  const Conv2dOptions& options() const { return o_; }
  bool relu() const { return relu_; }
  bool residual() const { return residual_; }
  bool has_bias(std::span<const Tensor> in) const { return in.size() > (residual_ ? 3u : 2u); }
  ConvExtents extents(std::span<const Tensor> in) const;

  std::string_view name() const override;
  Kind kind() const override { return Kind::heavy; }
  bool may_overwrite(std::span<const Tensor> in, int input) const override;
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 272 + size_t(relu_) + 8 * size_t(residual_); }
  Cost cost(std::span<const Tensor> in, std::span<const Tensor> out) const override;

 private:
  Conv2dOptions o_;
  bool relu_, residual_;
};

// Inputs dy (N, Ho, Wo, O) and w; the gradient of conv2d's x, of extent `height` by `width`.
class ConvBwdData : public Primitive {
 public:
  ConvBwdData(Conv2dOptions o, int64_t height, int64_t width)
      : o_(o), height_(height), width_(width) {}
  const Conv2dOptions& options() const { return o_; }
  ConvExtents extents(std::span<const Tensor> in) const;

  std::string_view name() const override { return "conv2d_transpose"; }
  Kind kind() const override { return Kind::heavy; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 274; }
  Cost cost(std::span<const Tensor> in, std::span<const Tensor> out) const override;

 private:
  Shape x_shape(std::span<const Tensor> in) const;

  Conv2dOptions o_;
  int64_t height_, width_;
};

// Inputs x and dy; the gradient of conv2d's w, of kernel `kh` by `kw`, and with `bias` also that of
// its b, the sum of dy over N, Ho and Wo.
class ConvBwdWeights : public Primitive {
 public:
  ConvBwdWeights(Conv2dOptions o, int64_t kh, int64_t kw, bool bias)
      : o_(o), kh_(kh), kw_(kw), bias_(bias) {}
  const Conv2dOptions& options() const { return o_; }
  bool bias() const { return bias_; }
  ConvExtents extents(std::span<const Tensor> in) const;

  std::string_view name() const override { return "conv2d_weights"; }
  Kind kind() const override { return Kind::heavy; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 276 + size_t(bias_); }
  Cost cost(std::span<const Tensor> in, std::span<const Tensor> out) const override;

 private:
  Shape w_shape(std::span<const Tensor> in) const;

  Conv2dOptions o_;
  int64_t kh_, kw_;
  bool bias_;
};

}  // namespace fovea
