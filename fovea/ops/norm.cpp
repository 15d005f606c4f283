#include "fovea/ops/norm.h"

#include <algorithm>

#include <fmt/format.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/operands.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea {

namespace {

int64_t rows_of(const Tensor& x) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) rows *= x.shape()[i];
  return rows;
}

void check_input(const char* op, const Tensor& x, int min_rank) {
  bool real = x.dtype() == Dtype::f32 || x.dtype() == Dtype::f64;
  if (!real || x.rank() < min_rank || x.dim(-1) == 0)
    throw std::invalid_argument(fmt::format(
        "[{}] expected f32 or f64 of rank {} or more, channels last, got {}",
        op,
        min_rank,
        x.str()));
}

void check_eps(const char* op, double eps) {
  if (!(eps >= 0))
    throw std::invalid_argument(fmt::format("[{}] expected eps >= 0, got {}", op, eps));
}

void check_like(
    const char* op, const char* what, const Tensor& t, const Shape& shape, const Tensor& x) {
  if (!(t.shape() == shape) || t.dtype() != x.dtype())
    throw std::invalid_argument(fmt::format(
        "[{}] expected {} of {} {}, got {}", op, what, name_of(x.dtype()), shape.str(), t.str()));
}

Tensor plus(const Tensor& a, const Tensor& b) {
  return a.is_empty() ? b : b.is_empty() ? a : a + b;
}

std::vector<Tensor> select(const std::vector<Tensor>& all, std::span<const int> wanted) {
  std::vector<Tensor> picked;
  for (int i : wanted) picked.push_back(all[size_t(i)]);
  return picked;
}

Tensor zeros_if_empty(const Tensor& t, const Tensor& like) {
  return t.is_empty() ? full_like(like, 0) : t;
}

// What mean and rstd of m values hand down to x: dmean / m - drstd rstd^3 (x - mean) / m.
Tensor through_statistics(
    const Tensor& x,
    const Tensor& mean,
    const Tensor& rstd,
    const Tensor& dmean,
    const Tensor& drstd,
    double m) {
  Tensor dx;
  if (!dmean.is_empty()) dx = broadcast_to(dmean * (1 / m), x.shape());
  if (!drstd.is_empty()) dx = plus(dx, (x - mean) * (drstd * rstd * square(rstd) * (-1 / m)));
  return dx;
}

struct NormInputs {
  Tensor x, gamma, mean, rstd, dy;
};

// The gradients of what the backward primitives compute, given those of (dx, dgamma, dbeta), on
// x, dy (N, S, G, K), gamma (1, 1, G, K), mean, rstd (N, 1, G, 1):
//   xhat = (x - mean) rstd, h = gamma dy, dx = rstd (h - a - xhat b),
//   a = mean of h, b = mean of h xhat over (S, K), dgamma = sum of dy xhat, dbeta = sum of dy.
NormInputs differentiate_backward(
    const NormInputs& in, const Tensor& ddx, const Tensor& ddgamma, const Tensor& ddbeta) {
  const auto& [x, gamma, mu, rstd, dy] = in;
  double scale = 1 / double(std::max<int64_t>(x.dim(1) * x.dim(3), 1));
  auto group_sum = [](const Tensor& t) { return sum(t, {1, 3}, {.keep = true}); };
  auto group_mean = [&](const Tensor& t) { return group_sum(t) * scale; };

  Tensor centred = x - mu, xhat = centred * rstd, h = gamma * dy;
  Tensor a = group_mean(h), b = group_mean(h * xhat);
  Tensor t = rstd * ddx, tx = group_mean(t * xhat);
  Tensor dh = t - group_mean(t) - xhat * tx;
  Tensor dxhat = ddgamma * dy - t * b - h * tx;
  NormInputs g;
  g.x = dxhat * rstd;
  g.gamma = sum(dh * dy, {0, 1}, {.keep = true});
  g.mean = -rstd * group_sum(dxhat);
  g.rstd = group_sum(ddx * (h - a - xhat * b) + dxhat * centred);
  g.dy = dh * gamma + ddgamma * xhat + ddbeta;
  return g;
}

Tensor filled_or(const Tensor& given, double fill, const Shape& shape, const Tensor& x) {
  return given.is_empty() ? broadcast_to(scalar_like(x, fill), shape) : given;
}

// x seen as (N, S, C).
Tensor normalized(
    const Tensor& x,
    const Shape& view,
    const Tensor& gamma,
    const Tensor& beta,
    int groups,
    double eps) {
  Tensor v = reshape(x, view);
  Shape channels{view[2]};
  Tensor g = reshape(gamma, channels), b = reshape(beta, channels);
  auto y = Tensor::outputs_of(std::make_shared<GroupNorm>(groups, eps), {v, g, b})[0];
  return reshape(y, x.shape());
}

Shape sample_view(const Tensor& x) {
  int64_t pixels = 1;
  for (int i = 1; i + 1 < x.rank(); ++i) pixels *= x.shape()[i];
  return {x.dim(0), pixels, x.dim(-1)};
}

}  // namespace

BatchNormResult batch_norm_train(
    const Tensor& x,
    const Tensor& gamma,
    const Tensor& beta,
    const BatchNormOptions& o,
    const Tensor& running_mean,
    const Tensor& running_var,
    const Tensor& residual) {
  std::vector<Tensor> in{x, gamma, beta, running_mean, running_var};
  if (!residual.is_empty()) in.push_back(residual);
  auto out = Tensor::outputs_of(std::make_shared<BatchNormTrain>(o), std::move(in));
  return {out[0], out[3], out[4]};
}

std::vector<Spec> BatchNormTrain::infer(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  check_input("batch_norm", x, 2);
  check_eps("batch_norm", o_.eps);
  if (rows_of(x) == 1)
    throw std::invalid_argument(fmt::format(
        "[batch_norm] expected more than one value per channel when training, got shape {}; use a "
        "larger batch or batch_norm_inference",
        x.shape().str()));
  Shape channels{x.dim(-1)};
  const char* names[] = {"gamma", "beta", "running mean", "running variance"};
  for (size_t i = 1; i < 5; ++i) check_like("batch_norm", names[i - 1], in[i], channels, x);
  if (in.size() > 5) check_like("batch_norm", "residual", in[5], x.shape(), x);
  Spec statistic{channels, x.dtype()};
  return {{x.shape(), x.dtype()}, statistic, statistic, statistic, statistic};
}

std::vector<Tensor> BatchNormTrain::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor> out,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  const Tensor &x = in[0], &mu = out[1], &rstd = out[2], &dy = dout[0];
  double n = double(rows_of(x));
  std::vector<Tensor> grads(in.size());
  if (!dy.is_empty()) {
    bool residual = in.size() > 5, from_y = o_.relu && residual;
    using Mask = BatchNormBackward::Mask;
    Mask mask = from_y ? Mask::from_y : o_.relu ? Mask::from_x : Mask::none;
    std::vector<Tensor> inputs{x, in[1], in[2], mu, rstd, dy};
    if (from_y) inputs.push_back(out[0]);
    auto parts = Tensor::outputs_of(std::make_shared<BatchNormBackward>(mask), std::move(inputs));
    std::copy_n(parts.begin(), 3, grads.begin());
    if (residual) grads[5] = from_y ? parts[3] : dy;
  }
  // The statistics are honest outputs: second derivatives come back through them.
  Tensor dmean = dout[1], drstd = dout[2];
  if (!dout[3].is_empty()) {
    dmean = plus(dmean, dout[3] * o_.momentum);
    grads[3] = dout[3] * (1 - o_.momentum);
  }
  if (!dout[4].is_empty()) {  // var = 1 / rstd^2 - eps
    double slope = -2 * o_.momentum * n / (n - 1);
    drstd = plus(drstd, dout[4] / (rstd * square(rstd)) * slope);
    grads[4] = dout[4] * (1 - o_.momentum);
  }
  grads[0] = plus(grads[0], through_statistics(x, mu, rstd, dmean, drstd, n));
  return select(grads, wanted);
}

bool BatchNormTrain::same(const Primitive& other) const {
  auto* o = dynamic_cast<const BatchNormTrain*>(&other);
  return o && o->o_.eps == o_.eps && o->o_.momentum == o_.momentum && o->o_.relu == o_.relu;
}

std::vector<Spec> BatchNormBackward::infer(std::span<const Tensor> in) const {
  Spec like_x{in[0].shape(), in[0].dtype()}, like_gamma{in[1].shape(), in[1].dtype()};
  std::vector<Spec> specs{like_x, like_gamma, like_gamma};
  if (mask_ == Mask::from_y) specs.push_back(like_x);
  return specs;
}

std::vector<Tensor> BatchNormBackward::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  const Tensor &x = in[0], &gamma = in[1], &beta = in[2], &mu = in[3], &rstd = in[4], &dy = in[5];
  int64_t rows = rows_of(x), channels = x.dim(-1);
  Shape view{1, rows, channels, 1}, row{1, 1, channels, 1};
  Tensor y = mask_ == Mask::from_y   ? in[6]
             : mask_ == Mask::from_x ? gamma * ((x - mu) * rstd) + beta
                                     : Tensor();
  auto masked = [&](const Tensor& t) { return y.is_empty() ? t : relu_grad(t, y); };
  NormInputs inputs{
      reshape(x, view),
      reshape(gamma, row),
      reshape(mu, row),
      reshape(rstd, row),
      reshape(masked(dy), view)};
  NormInputs g = differentiate_backward(
      inputs,
      reshape(zeros_if_empty(dout[0], x), view),
      reshape(zeros_if_empty(dout[1], gamma), row),
      reshape(zeros_if_empty(dout[2], gamma), row));
  Tensor ddy = reshape(g.dy, x.shape());
  if (mask_ == Mask::from_y) ddy = plus(ddy, dout[3]);
  Shape c{channels};
  std::vector<Tensor> grads{
      reshape(g.x, x.shape()),
      reshape(g.gamma, c),
      Tensor(),
      reshape(g.mean, c),
      reshape(g.rstd, c),
      masked(ddy),
      Tensor()};
  return select(grads, wanted);
}

bool BatchNormBackward::same(const Primitive& other) const {
  auto* o = dynamic_cast<const BatchNormBackward*>(&other);
  return o && o->mask_ == mask_;
}

Tensor batch_norm_inference(
    const Tensor& x,
    const Tensor& gamma,
    const Tensor& beta,
    const Tensor& mean,
    const Tensor& var,
    const BatchNormOptions& o,
    const Tensor& residual) {
  check_input("batch_norm", x, 1);
  check_eps("batch_norm", o.eps);
  Shape channels{x.dim(-1)};
  check_like("batch_norm", "gamma", gamma, channels, x);
  check_like("batch_norm", "beta", beta, channels, x);
  check_like("batch_norm", "mean", mean, channels, x);
  check_like("batch_norm", "variance", var, channels, x);
  Tensor scale = gamma * rsqrt(var + o.eps);
  return scale_shift(x, scale, beta - mean * scale, {.relu = o.relu}, residual);
}

Tensor scale_shift(
    const Tensor& x,
    const Tensor& scale,
    const Tensor& shift,
    const ScaleShiftOptions& o,
    const Tensor& residual) {
  std::vector<Tensor> in{x, scale, shift};
  if (!residual.is_empty()) in.push_back(residual);
  return Tensor::output_of(std::make_shared<ScaleShift>(o.relu), std::move(in));
}

std::vector<Spec> ScaleShift::infer(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  check_input("scale_shift", x, 1);
  Shape channels{x.dim(-1)};
  check_like("scale_shift", "scale", in[1], channels, x);
  check_like("scale_shift", "shift", in[2], channels, x);
  if (in.size() > 3) check_like("scale_shift", "residual", in[3], x.shape(), x);
  return {{x.shape(), x.dtype()}};
}

std::vector<Tensor> ScaleShift::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor> out,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  Tensor dy = relu_ ? relu_grad(dout[0], out[0]) : dout[0];
  std::vector<Tensor> grads;
  for (int i : wanted) {
    if (i == 0) grads.push_back(dy * in[1]);
    if (i == 1) grads.push_back(sum_to(dy * in[0], in[1].shape()));
    if (i == 2) grads.push_back(sum_to(dy, in[2].shape()));
    if (i == 3) grads.push_back(dy);
  }
  return grads;
}

bool ScaleShift::same(const Primitive& other) const {
  auto* o = dynamic_cast<const ScaleShift*>(&other);
  return o && o->relu_ == relu_;
}

Tensor layer_norm(
    const Tensor& x, const Tensor& gamma, const Tensor& beta, const LayerNormOptions& o) {
  check_input("layer_norm", x, 1);
  if (o.axes < 1 || o.axes > x.rank())
    throw std::invalid_argument(fmt::format(
        "[layer_norm] expected 1 to {} axes for shape {}, got {}",
        x.rank(),
        x.shape().str(),
        o.axes));
  Shape inner;
  int64_t rows = 1;
  for (int i = 0; i < x.rank(); ++i) {
    if (i < x.rank() - o.axes)
      rows *= x.shape()[i];
    else
      inner.push_back(x.shape()[i]);
  }
  Tensor g = filled_or(gamma, 1, inner, x), b = filled_or(beta, 0, inner, x);
  check_like("layer_norm", "gamma", g, inner, x);
  check_like("layer_norm", "beta", b, inner, x);
  return normalized(x, {rows, 1, inner.numel()}, g, b, 1, o.eps);
}

Tensor group_norm(
    const Tensor& x, const Tensor& gamma, const Tensor& beta, const GroupNormOptions& o) {
  check_input("group_norm", x, 2);
  Shape channels{x.dim(-1)};
  Tensor g = filled_or(gamma, 1, channels, x), b = filled_or(beta, 0, channels, x);
  check_like("group_norm", "gamma", g, channels, x);
  check_like("group_norm", "beta", b, channels, x);
  return normalized(x, sample_view(x), g, b, o.groups, o.eps);
}

Tensor instance_norm(
    const Tensor& x, const Tensor& gamma, const Tensor& beta, const InstanceNormOptions& o) {
  check_input("instance_norm", x, 3);
  return group_norm(x, gamma, beta, {.groups = int(x.dim(-1)), .eps = o.eps});
}

std::vector<Spec> GroupNorm::infer(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  check_eps("group_norm", eps_);
  if (groups_ < 1 || x.dim(2) % groups_ != 0)
    throw std::invalid_argument(fmt::format(
        "[group_norm] expected a number of groups that divides the {} channels, got {}",
        x.dim(2),
        groups_));
  Spec statistic{{x.dim(0), groups_}, x.dtype()};
  return {{x.shape(), x.dtype()}, statistic, statistic};
}

std::vector<Tensor> GroupNorm::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor> out,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  const Tensor& x = in[0];
  std::vector<Tensor> grads(3);
  if (!dout[0].is_empty())
    grads = Tensor::outputs_of(
        std::make_shared<GroupNormBackward>(groups_), {x, in[1], out[1], out[2], dout[0]});
  if (!dout[1].is_empty() || !dout[2].is_empty()) {
    int64_t k = x.dim(2) / groups_;
    Shape view{x.dim(0), x.dim(1), groups_, k}, statistic{x.dim(0), 1, groups_, 1};
    auto spread = [&](const Tensor& t) { return t.is_empty() ? t : reshape(t, statistic); };
    Tensor dx = through_statistics(
        reshape(x, view),
        spread(out[1]),
        spread(out[2]),
        spread(dout[1]),
        spread(dout[2]),
        double(x.dim(1) * k));
    grads[0] = plus(grads[0], reshape(dx, x.shape()));
  }
  return select(grads, wanted);
}

bool GroupNorm::same(const Primitive& other) const {
  auto* o = dynamic_cast<const GroupNorm*>(&other);
  return o && o->groups_ == groups_ && o->eps_ == eps_;
}

std::vector<Spec> GroupNormBackward::infer(std::span<const Tensor> in) const {
  Spec like_gamma{in[1].shape(), in[1].dtype()};
  return {{in[0].shape(), in[0].dtype()}, like_gamma, like_gamma};
}

std::vector<Tensor> GroupNormBackward::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  const Tensor &x = in[0], &gamma = in[1], &mu = in[2], &rstd = in[3], &dy = in[4];
  int64_t k = x.dim(2) / groups_;
  Shape view{x.dim(0), x.dim(1), groups_, k}, row{1, 1, groups_, k};
  Shape statistic{x.dim(0), 1, groups_, 1};
  NormInputs inputs{
      reshape(x, view),
      reshape(gamma, row),
      reshape(mu, statistic),
      reshape(rstd, statistic),
      reshape(dy, view)};
  NormInputs g = differentiate_backward(
      inputs,
      reshape(zeros_if_empty(dout[0], x), view),
      reshape(zeros_if_empty(dout[1], gamma), row),
      reshape(zeros_if_empty(dout[2], gamma), row));
  std::vector<Tensor> grads{
      reshape(g.x, x.shape()),
      reshape(g.gamma, gamma.shape()),
      reshape(g.mean, mu.shape()),
      reshape(g.rstd, rstd.shape()),
      reshape(g.dy, dy.shape())};
  return select(grads, wanted);
}

bool GroupNormBackward::same(const Primitive& other) const {
  auto* o = dynamic_cast<const GroupNormBackward*>(&other);
  return o && o->groups_ == groups_;
}

Tensor local_response_norm(const Tensor& x, const LocalResponseNormOptions& o) {
  check_input("local_response_norm", x, 1);
  if (o.size < 1)
    throw std::invalid_argument(fmt::format(
        "[local_response_norm] expected a window of 1 or more channels, got {}", o.size));
  auto window = std::make_shared<ChannelWindowSum>(o.size / 2, (o.size - 1) / 2);
  Tensor t = Tensor::output_of(window, {square(x)}) * (o.alpha / o.size) + o.k;
  if (o.beta == 0.75) {  // what the papers use, without a general power
    Tensor r = rsqrt(t);
    return x * (r * sqrt(r));
  }
  return x * pow(t, -o.beta);
}

std::vector<Spec> ChannelWindowSum::infer(std::span<const Tensor> in) const {
  return {{in[0].shape(), in[0].dtype()}};
}

std::vector<Tensor> ChannelWindowSum::vjp(
    std::span<const Tensor>,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int>) const {
  return {Tensor::output_of(std::make_shared<ChannelWindowSum>(after_, before_), {dout[0]})};
}

bool ChannelWindowSum::same(const Primitive& other) const {
  auto* o = dynamic_cast<const ChannelWindowSum*>(&other);
  return o && o->before_ == before_ && o->after_ == after_;
}

}  // namespace fovea
