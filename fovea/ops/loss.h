#pragma once

#include <optional>

#include "fovea/core/primitive.h"

// Losses. f stands for what the model gives, y for the truth. Losses of samples come before those
// of elements: for the first, `none` gives one number a sample and `mean` divides by their number;
// for the second they are taken over single elements. A class label is an i32 or i64 in 0..C-1; one
// out of range is reported with its sample when the loss is evaluated.
namespace fovea {

enum class Reduction : uint8_t { none, mean, sum };

struct CrossEntropyOptions {
  Tensor weights = {};         // (C), of the classes; constants. Empty: all 1
  double label_smoothing = 0;  // the part of each target spread evenly over the classes
  int ignore_index = -100;     // samples with this label count nothing
  Reduction reduction = Reduction::mean;
};
// -log softmax(f)_y for logits (..., C) and labels (...), as one fused op. With weights or ignored
// samples the mean divides by the sum of the weights of the labels, as PyTorch's does; it is 0
// where no sample counts. Smoothing after Szegedy et al. 2016, "Rethinking Inception", section 7.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& o = {});

struct SoftCrossEntropyOptions {
  Tensor weights = {};
  double label_smoothing = 0;
  Reduction reduction = Reduction::mean;  // over samples, whatever the weights
};
// The same for targets (..., C) that are distributions: - sum_c weight_c target_c log softmax(f)_c.
Tensor soft_cross_entropy(
    const Tensor& logits, const Tensor& targets, const SoftCrossEntropyOptions& o = {});

struct FocalOptions {
  double gamma = 2;     // how far samples that are right already count less; at least 0
  Tensor weights = {};  // (C), of the classes; constants. Empty: all 1
  int ignore_index = -100;
  Reduction reduction = Reduction::mean;
};
// -w_y (1 - p)^gamma log p, p = softmax(f)_y, for logits (..., C) and labels (...): Lin et al.
// 2017, "Focal loss for dense object detection", eq. 4 and 5, over classes. Gamma 0 is
// cross_entropy, whose mean it has.
Tensor focal_loss(const Tensor& logits, const Tensor& labels, const FocalOptions& o = {});

struct NllOptions {
  Tensor weights = {};
  int ignore_index = -100;
  Reduction reduction = Reduction::mean;
};
// -log_probs[y], for log-probabilities (..., C) and labels (...); weighted as cross_entropy is.
Tensor nll_loss(const Tensor& log_probs, const Tensor& labels, const NllOptions& o = {});

struct HingeOptions {
  double margin = 1;
  bool squared = false;  // the L2-SVM: each term is squared
  Reduction reduction = Reduction::mean;
};
// Multiclass SVM of Weston and Watkins 1999: sum over j != y of max(0, s_j - s_y + margin), for
// scores (..., C) and labels (...).
Tensor multiclass_hinge(const Tensor& scores, const Tensor& labels, const HingeOptions& o = {});

// sum_j max(0, 1 - y_j f_j) for attributes y in {-1, +1}; f, y (N, ...).
Tensor attribute_hinge(const Tensor& f, const Tensor& y, Reduction r = Reduction::mean);

// ||f - y||^2 per sample, without a factor 1/2, so that its gradient is 2 (f - y); f, y (N, ...).
Tensor l2_loss(const Tensor& f, const Tensor& y, Reduction r = Reduction::mean);

// sum_j |f_j - y_j| per sample; its gradient is sign(f - y), 0 at 0. PyTorch's l1_loss is mae_loss.
Tensor l1_loss(const Tensor& f, const Tensor& y, Reduction r = Reduction::mean);

// Over elements from here on.
Tensor mse_loss(const Tensor& f, const Tensor& y, Reduction r = Reduction::mean);  // (f - y)^2
Tensor mae_loss(const Tensor& f, const Tensor& y, Reduction r = Reduction::mean);  // |f - y|

// d^2 / 2 where d = |f - y| < delta, else delta (d - delta / 2) (Huber 1964).
Tensor huber_loss(
    const Tensor& f, const Tensor& y, double delta = 1, Reduction r = Reduction::mean);
// The Huber loss over beta, which has slope 1 far out (Girshick 2015, "Fast R-CNN"); |f - y| for 0.
Tensor smooth_l1_loss(
    const Tensor& f, const Tensor& y, double beta = 1, Reduction r = Reduction::mean);

struct BinaryCrossEntropyOptions {
  Tensor pos_weight = {};  // broadcast with the logits; multiplies the positive term
  Reduction reduction = Reduction::mean;
};
// -(pos_weight y log s(f) + (1 - y) log(1 - s(f))) for logits f and y in [0, 1], stable for any f.
Tensor binary_cross_entropy_with_logits(
    const Tensor& f, const Tensor& y, const BinaryCrossEntropyOptions& o = {});

struct SigmoidFocalOptions {
  double gamma = 2;
  std::optional<double> alpha =
      {};  // weight of the positive term, in [0, 1]; 1 - alpha of the other
  Reduction reduction = Reduction::mean;
};
// -alpha_t (1 - p_t)^gamma log p_t for logits f and y of 0 or 1, p_t = s(f) where y is 1 and
// s(-f) elsewhere (Lin et al. 2017, eq. 5), stable for any f.
Tensor sigmoid_focal_loss(const Tensor& f, const Tensor& y, const SigmoidFocalOptions& o = {});

// Regression as classification: [lo, hi] in `count` equal bins.
struct Bins {
  double lo = 0, hi = 1;
  int count = 10;
};
Tensor to_bins(const Tensor& values, const Bins& bins);           // i32 labels; ends take the rest
Tensor from_bins(const Tensor& probabilities, const Bins& bins);  // (..., count) -> mean of centres

// Labels as i32, each in 0..classes-1 or `ignore`; others stop the evaluation, naming the sample.
class CheckLabels : public Primitive {
 public:
  CheckLabels(const char* loss, int64_t classes, int ignore)
      : loss_(loss), classes_(classes), ignore_(ignore) {}
  int64_t classes() const { return classes_; }
  int ignore() const { return ignore_; }

  std::string_view name() const override { return loss_; }
  Kind kind() const override { return Kind::elementwise; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 1300 + size_t(classes_); }

 private:
  const char* loss_;
  int64_t classes_;
  int ignore_;
};

struct CrossEntropyTerms {
  double smoothing;
  int ignore;
  friend bool operator==(const CrossEntropyTerms&, const CrossEntropyTerms&) = default;
};

// Inputs logits (N, C), checked labels (N) [, weights (C)]; outputs loss, log-sum-exp and the
// weight of the label (0 if ignored), each (N). With q_c = w_c ((1 - smoothing) [c = y] + smoothing
// / C) the loss is sum_c q_c (lse - f_c).
class SoftmaxCrossEntropy : public Primitive {
 public:
  explicit SoftmaxCrossEntropy(const CrossEntropyTerms& terms) : terms_(terms) {}
  const CrossEntropyTerms& terms() const { return terms_; }

  std::string_view name() const override { return "cross_entropy"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 1301; }

 private:
  CrossEntropyTerms terms_;
};

// Inputs logits, labels, log-sum-exp, label weight and the gradient of the loss [, weights]; output
// dloss (sum(q) softmax(f) - q), (N, C).
class SoftmaxCrossEntropyBackward : public Primitive {
 public:
  explicit SoftmaxCrossEntropyBackward(const CrossEntropyTerms& terms) : terms_(terms) {}
  const CrossEntropyTerms& terms() const { return terms_; }

  std::string_view name() const override { return "cross_entropy_backward"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 1302; }

 private:
  CrossEntropyTerms terms_;
};

}  // namespace fovea
