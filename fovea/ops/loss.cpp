#include "fovea/ops/loss.h"

#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "fovea/ops/activation.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/index.h"
#include "fovea/ops/operands.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"
#include "fovea/ops/softmax.h"

namespace fovea {

namespace {

constexpr int ignore_none = std::numeric_limits<int>::min();

void check_same_shape(const char* op, const Tensor& f, const Tensor& y) {
  if (!(f.shape() == y.shape()))
    throw std::invalid_argument(fmt::format(
        "[{}] expected targets of shape {}, got {}; losses do not broadcast",
        op,
        f.shape().str(),
        y.shape().str()));
}

void check_scores(const char* op, const Tensor& scores) {
  bool real = scores.dtype() == Dtype::f32 || scores.dtype() == Dtype::f64;
  if (!real || scores.rank() < 1 || scores.dim(-1) == 0)
    throw std::invalid_argument(
        fmt::format("[{}] expected f32 or f64 scores (..., classes), got {}", op, scores.str()));
}

// Labels for scores (..., C): checked against the shape now, against C when they are known.
Tensor checked_labels(const char* op, const Tensor& scores, const Tensor& labels, int ignore) {
  Shape expected = scores.shape().without(scores.rank() - 1);
  bool integer = labels.dtype() == Dtype::i32 || labels.dtype() == Dtype::i64;
  if (!integer || !(labels.shape() == expected))
    throw std::invalid_argument(fmt::format(
        "[{}] expected i32 or i64 labels of shape {} for scores {}, got {}",
        op,
        expected.str(),
        scores.shape().str(),
        labels.str()));
  return Tensor::output_of(std::make_shared<CheckLabels>(op, scores.dim(-1), ignore), {labels});
}

void check_gamma(const char* op, double gamma) {
  if (!(gamma >= 0 && gamma <= std::numeric_limits<double>::max()))
    throw std::invalid_argument(fmt::format("[{}] expected gamma >= 0, got {}", op, gamma));
}

Tensor class_weights(const char* op, const Tensor& weights, const Tensor& scores) {
  if (!(weights.shape() == Shape{scores.dim(-1)}))
    throw std::invalid_argument(fmt::format(
        "[{}] expected one weight for each of {} classes, got shape {}",
        op,
        scores.dim(-1),
        weights.shape().str()));
  return stop_gradient(cast(weights, scores.dtype()));
}

Tensor reduced(const Tensor& losses, Reduction r) {
  if (r == Reduction::none) return losses;
  return r == Reduction::sum ? sum(losses) : mean(losses);
}

Tensor weighted(const Tensor& losses, const Tensor& weights, Reduction r) {
  if (r != Reduction::mean) return reduced(losses, r);
  Tensor total = maximum(sum(weights), 1e-30);  // without weight the losses are 0 as well
  return sum(losses) / total;
}

// One number a sample: the sum over all axes but the first.
Tensor per_sample(const Tensor& terms) {
  if (terms.rank() < 2) return terms;
  std::vector<int> axes(size_t(terms.rank() - 1));
  std::iota(axes.begin(), axes.end(), 1);
  return sum(terms, axes);
}

// Where class c of (..., C) is the label.
Tensor is_label(const Tensor& scores, const Tensor& labels) {
  return equal(arange(scores.dim(-1), Dtype::i32, labels.device()), unsqueeze(labels, -1));
}

Tensor column(const Tensor& t) { return unsqueeze(t, -1); }

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& o) {
  check_scores("cross_entropy", logits);
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1))
    throw std::invalid_argument(fmt::format(
        "[cross_entropy] expected label smoothing in [0, 1], got {}", o.label_smoothing));
  Tensor checked = checked_labels("cross_entropy", logits, labels, o.ignore_index);
  int64_t classes = logits.dim(-1), samples = labels.numel();
  std::vector<Tensor> in{
      reshape(logits, Shape{samples, classes}), reshape(checked, Shape{samples})};
  if (!o.weights.is_empty()) in.push_back(class_weights("cross_entropy", o.weights, logits));
  CrossEntropyTerms terms{o.label_smoothing, o.ignore_index};
  auto out = Tensor::outputs_of(std::make_shared<SoftmaxCrossEntropy>(terms), std::move(in));
  if (o.reduction == Reduction::none) return reshape(out[0], labels.shape());
  return weighted(out[0], out[2], o.reduction);
}

std::vector<Spec> SoftmaxCrossEntropy::infer(std::span<const Tensor> in) const {
  Spec per_row{{in[0].dim(0)}, in[0].dtype()};
  return {per_row, per_row, per_row};
}

std::vector<Tensor> SoftmaxCrossEntropy::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor> out,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  std::vector<Tensor> grads(wanted.size());
  if (wanted.empty() || wanted[0] != 0) return grads;
  const Tensor &logits = in[0], &lse = out[1];
  if (!dout[0].is_empty()) {
    std::vector<Tensor> inputs{logits, in[1], lse, out[2], dout[0]};
    if (in.size() > 2) inputs.push_back(in[2]);
    auto backward = std::make_shared<SoftmaxCrossEntropyBackward>(terms_);
    grads[0] = Tensor::output_of(backward, std::move(inputs));
  }
  if (!dout[1].is_empty()) {
    Tensor through = column(dout[1]) * exp(logits - column(lse));
    grads[0] = grads[0].is_empty() ? through : grads[0] + through;
  }
  return grads;
}

bool SoftmaxCrossEntropy::same(const Primitive& other) const {
  auto* o = dynamic_cast<const SoftmaxCrossEntropy*>(&other);
  return o && o->terms_ == terms_;
}

std::vector<Spec> SoftmaxCrossEntropyBackward::infer(std::span<const Tensor> in) const {
  return {{in[0].shape(), in[0].dtype()}};
}

std::vector<Tensor> SoftmaxCrossEntropyBackward::vjp(
    std::span<const Tensor> in,
    std::span<const Tensor>,
    std::span<const Tensor> dout,
    std::span<const int> wanted) const {
  const Tensor &logits = in[0], &labels = in[1], &lse = in[2], &weight = in[3], &dloss = in[4];
  const Tensor& u = dout[0];
  // sum(q) per sample: 0 for ignored ones
  Tensor even = in.size() > 5 ? sum(in[5]) * (terms_.smoothing / double(logits.dim(-1)))
                              : scalar_like(logits, terms_.smoothing);
  Tensor total = weight * (1 - terms_.smoothing) +
                 where(equal(labels, terms_.ignore), scalar_like(logits, 0), even);
  Tensor through_p = u * column(dloss * total) * exp(logits - column(lse));
  std::vector<Tensor> grads;
  for (int i : wanted) {
    Tensor g;
    if (i == 0) g = through_p;
    if (i == 2) g = -sum(through_p, {-1});
    if (i == 4) {
      std::vector<Tensor> inputs(in.begin(), in.end());
      inputs[4] = full_like(dloss, 1);
      auto slope = std::make_shared<SoftmaxCrossEntropyBackward>(terms_);
      g = sum(u * Tensor::output_of(slope, std::move(inputs)), {-1});
    }
    grads.push_back(g);
  }
  return grads;
}

bool SoftmaxCrossEntropyBackward::same(const Primitive& other) const {
  auto* o = dynamic_cast<const SoftmaxCrossEntropyBackward*>(&other);
  return o && o->terms_ == terms_;
}

std::vector<Spec> CheckLabels::infer(std::span<const Tensor> in) const {
  return {{in[0].shape(), Dtype::i32}};
}

bool CheckLabels::same(const Primitive& other) const {
  auto* o = dynamic_cast<const CheckLabels*>(&other);
  return o && o->classes_ == classes_ && o->ignore_ == ignore_ && o->name() == name();
}

Tensor soft_cross_entropy(
    const Tensor& logits, const Tensor& targets, const SoftCrossEntropyOptions& o) {
  check_scores("soft_cross_entropy", logits);
  check_same_shape("soft_cross_entropy", logits, targets);
  double s = o.label_smoothing;
  Tensor q = s > 0 ? targets * (1 - s) + s / double(logits.dim(-1)) : targets;
  if (!o.weights.is_empty()) q = q * class_weights("soft_cross_entropy", o.weights, logits);
  return reduced(-sum(q * log_softmax(logits), {-1}), o.reduction);
}

Tensor focal_loss(const Tensor& logits, const Tensor& labels, const FocalOptions& o) {
  check_scores("focal_loss", logits);
  check_gamma("focal_loss", o.gamma);
  Tensor checked = checked_labels("focal_loss", logits, labels, o.ignore_index);
  Tensor losses = cross_entropy(
      logits, checked, {.ignore_index = o.ignore_index, .reduction = Reduction::none});
  // Ignored samples count nothing: they are read as class 0, of weight 0.
  Tensor ignored = equal(checked, o.ignore_index), zero = scalar_like(logits, 0);
  Tensor weights = where(ignored, zero, scalar_like(logits, 1));
  if (!o.weights.is_empty()) {
    Tensor known = where(ignored, zeros({}, Dtype::i32, checked.device()), checked);
    weights = weights * take(class_weights("focal_loss", o.weights, logits), known);
  }
  // 1 - p = 1 - e^-loss; kept from 0, where powers below 1 have no slope.
  Tensor wrong = maximum(-expm1(-losses), 1e-12);
  return weighted(weights * pow(wrong, o.gamma) * losses, weights, o.reduction);
}

Tensor nll_loss(const Tensor& log_probs, const Tensor& labels, const NllOptions& o) {
  check_scores("nll_loss", log_probs);
  Tensor hit = is_label(log_probs, checked_labels("nll_loss", log_probs, labels, o.ignore_index));
  Tensor weights = o.weights.is_empty()
                       ? ones({log_probs.dim(-1)}, log_probs.dtype(), log_probs.device())
                       : class_weights("nll_loss", o.weights, log_probs);
  Tensor zero = scalar_like(log_probs, 0);
  Tensor losses = -sum(where(hit, log_probs * weights, zero), {-1});
  return weighted(losses, where(hit, weights, zero), o.reduction);
}

Tensor multiclass_hinge(const Tensor& scores, const Tensor& labels, const HingeOptions& o) {
  check_scores("multiclass_hinge", scores);
  Tensor hit = is_label(scores, checked_labels("multiclass_hinge", scores, labels, ignore_none));
  Tensor zero = scalar_like(scores, 0);
  Tensor of_label = sum(where(hit, scores, zero), {-1}, {.keep = true});
  Tensor terms = where(hit, zero, relu(scores - of_label + o.margin));
  return reduced(sum(o.squared ? square(terms) : terms, {-1}), o.reduction);
}

Tensor attribute_hinge(const Tensor& f, const Tensor& y, Reduction r) {
  check_same_shape("attribute_hinge", f, y);
  return reduced(per_sample(relu(1 - y * f)), r);
}

Tensor l2_loss(const Tensor& f, const Tensor& y, Reduction r) {
  check_same_shape("l2_loss", f, y);
  return reduced(per_sample(square(f - y)), r);
}

Tensor l1_loss(const Tensor& f, const Tensor& y, Reduction r) {
  check_same_shape("l1_loss", f, y);
  return reduced(per_sample(abs(f - y)), r);
}

Tensor mse_loss(const Tensor& f, const Tensor& y, Reduction r) {
  check_same_shape("mse_loss", f, y);
  return reduced(square(f - y), r);
}

Tensor mae_loss(const Tensor& f, const Tensor& y, Reduction r) {
  check_same_shape("mae_loss", f, y);
  return reduced(abs(f - y), r);
}

Tensor huber_loss(const Tensor& f, const Tensor& y, double delta, Reduction r) {
  check_same_shape("huber_loss", f, y);
  if (!(delta > 0))
    throw std::invalid_argument(fmt::format("[huber_loss] expected delta > 0, got {}", delta));
  Tensor d = abs(f - y), inside = minimum(d, delta);
  return reduced(inside * (d - 0.5 * inside), r);
}

Tensor smooth_l1_loss(const Tensor& f, const Tensor& y, double beta, Reduction r) {
  check_same_shape("smooth_l1_loss", f, y);
  if (!(beta >= 0))
    throw std::invalid_argument(fmt::format("[smooth_l1_loss] expected beta >= 0, got {}", beta));
  return beta == 0 ? mae_loss(f, y, r) : huber_loss(f, y, beta, r) * (1 / beta);
}

Tensor binary_cross_entropy_with_logits(
    const Tensor& f, const Tensor& y, const BinaryCrossEntropyOptions& o) {
  check_same_shape("binary_cross_entropy_with_logits", f, y);
  // -log s(f) = softplus(-f), and -log(1 - s(f)) = f + softplus(-f)
  Tensor negative = softplus(-f);
  if (!o.pos_weight.is_empty()) negative = negative * (1 + (o.pos_weight - 1) * y);
  return reduced((1 - y) * f + negative, o.reduction);
}

Tensor sigmoid_focal_loss(const Tensor& f, const Tensor& y, const SigmoidFocalOptions& o) {
  check_same_shape("sigmoid_focal_loss", f, y);
  check_gamma("sigmoid_focal_loss", o.gamma);
  if (o.alpha && !(*o.alpha >= 0 && *o.alpha <= 1))
    throw std::invalid_argument(
        fmt::format("[sigmoid_focal_loss] expected alpha in [0, 1], got {}", *o.alpha));
  // (1 - p_t)^gamma = s(-right)^gamma = e^(-gamma softplus(right))
  Tensor right = (2 * y - 1) * f;
  Tensor losses = exp(-o.gamma * softplus(right)) * softplus(-right);
  if (o.alpha) losses = losses * ((2 * *o.alpha - 1) * y + (1 - *o.alpha));
  return reduced(losses, o.reduction);
}

Tensor to_bins(const Tensor& values, const Bins& bins) {
  if (!(bins.lo < bins.hi) || bins.count < 1)
    throw std::invalid_argument(fmt::format(
        "[to_bins] expected lo < hi and a bin or more, got [{}, {}] in {}",
        bins.lo,
        bins.hi,
        bins.count));
  Tensor place = (values - bins.lo) * (bins.count / (bins.hi - bins.lo));
  return cast(clamp(floor(place), 0, bins.count - 1), Dtype::i32);
}

Tensor from_bins(const Tensor& probabilities, const Bins& bins) {
  if (probabilities.rank() < 1 || probabilities.dim(-1) != bins.count)
    throw std::invalid_argument(fmt::format(
        "[from_bins] expected (..., {}) probabilities, got {}", bins.count, probabilities.str()));
  double width = (bins.hi - bins.lo) / bins.count;
  Tensor steps = arange(bins.count, probabilities.dtype(), probabilities.device());
  return sum(probabilities * ((steps + 0.5) * width + bins.lo), {-1});
}

}  // namespace fovea
