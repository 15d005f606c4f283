#include "fovea/ops/conv.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea {

namespace {

Window down_window(const Shape& w, const Conv2dOptions& o) {
  return {w[1], o.stride[0], o.pad[0], o.pad[1], o.dilation[0]};
}

Window right_window(const Shape& w, const Conv2dOptions& o) {
  return {w[2], o.stride[1], o.pad[2], o.pad[3], o.dilation[1]};
}

void check_ranks(const Shape& x, const Shape& w) {
  if (x.rank() != 4 || w.rank() != 4)
    throw std::invalid_argument(fmt::format(
        "[conv2d] expected images (N, H, W, C) and weights (O, kh, kw, C / groups), got {} and {}",
        x.str(),
        w.str()));
}

void check_dtypes(const char* op, std::span<const Tensor> in) {
  for (const Tensor& t : in)
    if (t.dtype() != in[0].dtype() || (t.dtype() != Dtype::f32 && t.dtype() != Dtype::f64))
      throw std::invalid_argument(fmt::format(
          "[{}] expected every input in f32 or every input in f64, got {} and {}; cast them",
          op,
          in[0].str(),
          t.str()));
}

// Every convolution, whichever way it is run, multiplies each y with one filter's weights.
double flops_of(const ConvExtents& e) {
  return 2.0 * double(e.n * e.ho * e.wo * e.out) * double(e.kh * e.kw * (e.in / e.groups));
}

std::vector<Tensor> weights_gradient(
    const Tensor& x, const Tensor& dy, const Shape& w, const Conv2dOptions& o, bool bias) {
  return Tensor::outputs_of(std::make_shared<ConvBwdWeights>(o, w[1], w[2], bias), {x, dy});
}

Tensor forward(const Tensor& x, const Tensor& w, const Conv2dOptions& o) {
  return Tensor::output_of(std::make_shared<ConvFwd>(o), {x, w});
}

Tensor data_gradient(const Tensor& dy, const Tensor& w, const Shape& x, const Conv2dOptions& o) {
  return Tensor::output_of(std::make_shared<ConvBwdData>(o, x[1], x[2]), {dy, w});
}

}  // namespace

Shape conv2d_shape(const Shape& x, const Shape& w, const Conv2dOptions& o) {
  check_ranks(x, w);
  if (o.groups < 1 || w[0] % o.groups != 0 || w[0] == 0 || w[3] == 0)
    throw std::invalid_argument(fmt::format(
        "[conv2d] expected groups that divide the {} filters of w {}, got groups {}",
        w[0],
        w.str(),
        o.groups));
  const int64_t channels = w[3] * o.groups;
  if (x[3] != channels)
    throw std::invalid_argument(fmt::format(
        "[conv2d] expected x with {} channels for w {} with groups {}, got x {} with {}; {}",
        channels,
        w.str(),
        o.groups,
        x.str(),
        x[3],
        x[1] == channels ? "it looks like (N, C, H, W), fovea's images are (N, H, W, C)"
                         : "images are (N, H, W, C), weights (O, kh, kw, C / groups)"));
  const Rounding rounding = o.exact ? Rounding::exact : Rounding::floor;
  return {
      x[0],
      window_count(x[1], down_window(w, o), rounding, "conv2d", "height"),
      window_count(x[2], right_window(w, o), rounding, "conv2d", "width"),
      w[0]};
}

Shape conv2d_transpose_shape(
    const Shape& y, const Shape& w, const Conv2dOptions& o, std::array<int, 2> extra) {
  check_ranks(y, w);
  auto smallest = [](int64_t count, const Window& window) {
    return (count - 1) * window.stride + window.extent() - window.before - window.after;
  };
  return {
      y[0],
      smallest(y[1], down_window(w, o)) + extra[0],
      smallest(y[2], right_window(w, o)) + extra[1],
      w[3] * o.groups};
}

ConvExtents::ConvExtents(
    const Shape& x, const Shape& weights, const Shape& y, const Conv2dOptions& o)
    : n(x[0]),
      h(x[1]),
      w(x[2]),
      in(x[3]),
      ho(y[1]),
      wo(y[2]),
      out(y[3]),
      kh(weights[1]),
      kw(weights[2]),
      groups(o.groups),
      down(down_window(weights, o)),
      right(right_window(weights, o)) {}

ConvExtents ConvFwd::extents(std::span<const Tensor> in) const {
  const Shape &x = in[0].shape(), &w = in[1].shape();
  return ConvExtents(x, w, conv2d_shape(x, w, o_), o_);
}

std::string_view ConvFwd::name() const {
  if (residual_) return relu_ ? "conv2d_add_relu" : "conv2d_add";
  return relu_ ? "conv2d_relu" : "conv2d";
}

bool ConvFwd::may_overwrite(std::span<const Tensor> in, int input) const {
  return residual_ && size_t(input) + 1 == in.size();
}

std::vector<Spec> ConvFwd::infer(std::span<const Tensor> in) const {
  Shape y = conv2d_shape(in[0].shape(), in[1].shape(), o_);
  check_dtypes("conv2d", in);
  if (residual_ && !(in.back().shape() == y))
    throw std::invalid_argument(fmt::format(
        "[conv2d] expected a residual of the result's shape {}, got {}",
        y.str(),
        in.back().shape().str()));
  if (has_bias(in) && !(in[2].shape() == Shape{y[3]}))
    throw std::invalid_argument(fmt::format(
        "[conv2d] expected a bias {} for w {}, got {}",
        Shape{y[3]}.str(),
        in[1].shape().str(),
        in[2].shape().str()));
  return {{y, in[0].dtype()}};
}

std::vector<Tensor> ConvFwd::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor> out,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  const Tensor &x = in[0], &w = in[1];
  const Tensor dy = relu_ ? relu_grad(dout[0], out[0]) : dout[0];
  const int bias = has_bias(in) ? 2 : -1;
  const bool want_w = std::ranges::count(wanted, 1), want_b = std::ranges::count(wanted, bias);
  std::vector<Tensor> weights;  // dw, db
  if (want_w) weights = weights_gradient(x, dy, w.shape(), o_, want_b);
  std::vector<Tensor> grads;
  for (int i : wanted) {
    if (i == 0) grads.push_back(data_gradient(dy, w, x.shape(), o_));
    if (i == 1) grads.push_back(weights[0]);
    if (i == bias) grads.push_back(want_w ? weights[1] : sum(dy, {0, 1, 2}));
    if (i > 1 && i != bias) grads.push_back(dy);
  }
  return grads;
}

bool ConvFwd::same(const Primitive& other) const {
  auto* p = dynamic_cast<const ConvFwd*>(&other);
  return p && p->o_ == o_ && p->relu_ == relu_ && p->residual_ == residual_;
}

Cost ConvFwd::cost(std::span<const Tensor> in, std::span<const Tensor> out) const {
  Cost cost = Primitive::cost(in, out);
  cost.flops = flops_of(extents(in));
  return cost;
}

Shape ConvBwdData::x_shape(std::span<const Tensor> in) const {
  return {in[0].dim(0), height_, width_, in[1].dim(3) * o_.groups};
}

ConvExtents ConvBwdData::extents(std::span<const Tensor> in) const {
  return ConvExtents(x_shape(in), in[1].shape(), in[0].shape(), o_);
}

std::vector<Spec> ConvBwdData::infer(std::span<const Tensor> in) const {
  const Shape &y = in[0].shape(), &w = in[1].shape();
  check_ranks(y, w);
  check_dtypes("conv2d_transpose", in);
  Shape x = x_shape(in), expected = conv2d_shape(x, w, o_);
  if (!(expected == y))
    throw std::invalid_argument(fmt::format(
        "[conv2d_transpose] expected an input {} for a result {} and w {}, got {}",
        expected.str(),
        x.str(),
        w.str(),
        y.str()));
  return {{x, in[0].dtype()}};
}

std::vector<Tensor> ConvBwdData::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  std::vector<Tensor> grads;
  for (int i : wanted) {
    if (i == 0)
      grads.push_back(forward(dout[0], in[1], o_));
    else
      grads.push_back(weights_gradient(dout[0], in[0], in[1].shape(), o_, false)[0]);
  }
  return grads;
}

bool ConvBwdData::same(const Primitive& other) const {
  auto* p = dynamic_cast<const ConvBwdData*>(&other);
  return p && p->o_ == o_ && p->height_ == height_ && p->width_ == width_;
}

Cost ConvBwdData::cost(std::span<const Tensor> in, std::span<const Tensor> out) const {
  Cost cost = Primitive::cost(in, out);
  cost.flops = flops_of(extents(in));
  return cost;
}

Shape ConvBwdWeights::w_shape(std::span<const Tensor> in) const {
  return {in[1].dim(3), kh_, kw_, in[0].dim(3) / std::max(1, o_.groups)};
}

ConvExtents ConvBwdWeights::extents(std::span<const Tensor> in) const {
  return ConvExtents(in[0].shape(), w_shape(in), in[1].shape(), o_);
}

std::vector<Spec> ConvBwdWeights::infer(std::span<const Tensor> in) const {
  check_ranks(in[0].shape(), in[1].shape());
  check_dtypes("conv2d_weights", in);
  Shape w = w_shape(in), expected = conv2d_shape(in[0].shape(), w, o_);
  if (!(expected == in[1].shape()))
    throw std::invalid_argument(fmt::format(
        "[conv2d_weights] expected an output gradient {} for x {} and w {}, got {}",
        expected.str(),
        in[0].shape().str(),
        w.str(),
        in[1].shape().str()));
  std::vector<Spec> specs{{w, in[0].dtype()}};
  if (bias_) specs.push_back({Shape{w[0]}, in[0].dtype()});
  return specs;
}

// <gw, dw(x, dy)> + <gb, db(dy)> is <conv2d(x, gw, gb), dy>, linear in x and in dy.
std::vector<Tensor> ConvBwdWeights::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  const Tensor &x = in[0], &dy = in[1], &gw = dout[0], gb = bias_ ? dout[1] : Tensor();
  auto gradient_of_dy = [&] {
    if (gw.is_empty()) return broadcast_to(gb, dy.shape());
    return gb.is_empty() ? conv2d(x, gw, o_) : conv2d(x, gw, gb, o_);
  };
  std::vector<Tensor> grads;
  for (int i : wanted) {
    if (i == 0)
      grads.push_back(gw.is_empty() ? Tensor() : data_gradient(dy, gw, x.shape(), o_));
    else
      grads.push_back(gradient_of_dy());
  }
  return grads;
}

bool ConvBwdWeights::same(const Primitive& other) const {
  auto* p = dynamic_cast<const ConvBwdWeights*>(&other);
  return p && p->o_ == o_ && p->kh_ == kh_ && p->kw_ == kw_ && p->bias_ == bias_;
}

Cost ConvBwdWeights::cost(std::span<const Tensor> in, std::span<const Tensor> out) const {
  Cost cost = Primitive::cost(in, out);
  cost.flops = flops_of(extents(in));
  return cost;
}

Tensor conv2d(const Tensor& x, const Tensor& w, const Conv2dOptions& o) { return forward(x, w, o); }

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dOptions& o) {
  return Tensor::output_of(std::make_shared<ConvFwd>(o), {x, w, b});
}

Tensor conv2d_add(
    const Tensor& x,
    const Tensor& w,
    const Tensor& b,
    const Tensor& residual,
    const Conv2dOptions& o) {
  return Tensor::output_of(std::make_shared<ConvFwd>(o, false, true), {x, w, b, residual});
}

Tensor conv2d_relu(
    const Tensor& x,
    const Tensor& w,
    const Tensor& b,
    const Conv2dOptions& o,
    const Tensor& residual) {
  if (residual.is_empty()) return Tensor::output_of(std::make_shared<ConvFwd>(o, true), {x, w, b});
  return Tensor::output_of(std::make_shared<ConvFwd>(o, true, true), {x, w, b, residual});
}

Tensor conv2d_transpose(
    const Tensor& y, const Tensor& w, const Shape& x_shape, const Conv2dOptions& o) {
  check_ranks(y.shape(), w.shape());
  if (x_shape.rank() != 4 || x_shape[0] != y.dim(0) || x_shape[3] != w.dim(3) * o.groups)
    throw std::invalid_argument(fmt::format(
        "[conv2d_transpose] expected a result shape ({}, H, W, {}) for input {} and w {}, got {}",
        y.dim(0),
        w.dim(3) * o.groups,
        y.shape().str(),
        w.shape().str(),
        x_shape.str()));
  return data_gradient(y, w, x_shape, o);
}

}  // namespace fovea
