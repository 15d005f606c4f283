#pragma once

#include "fovea/core/primitive.h"

// Normalisation of tensors (..., C), channels last. Variances are biased (divided by n) but for the
// running variance of batch norm. gamma scales and beta shifts what was normalised.
namespace fovea {

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  // running statistics: new = (1 - momentum) old + momentum batch
  bool relu = false;      // y is clipped at 0 in the same pass
};

struct BatchNormResult {
  Tensor y, new_running_mean, new_running_var;
};

// y = [relu](gamma (x - mean) / sqrt(var + eps) + beta [+ residual]) with the mean and variance of
// each channel over the batch (Ioffe and Szegedy 2015). x, residual (..., C), the rest (C). The
// running variance follows n / (n - 1) times the biased one, as PyTorch's does. Throws for one
// value per channel, whose variance says nothing.
BatchNormResult batch_norm_train(
    const Tensor& x,
    const Tensor& gamma,
    const Tensor& beta,
    const BatchNormOptions& o,
    const Tensor& running_mean,
    const Tensor& running_var,
    const Tensor& residual = {});

// The same with given statistics: y = [relu](scale x + shift [+ residual]) in one pass. The
// momentum is not used.
Tensor batch_norm_inference(
    const Tensor& x,
    const Tensor& gamma,
    const Tensor& beta,
    const Tensor& mean,
    const Tensor& var,
    const BatchNormOptions& o = {},
    const Tensor& residual = {});

struct ScaleShiftOptions {
  bool relu = false;
};
// y = [relu](scale x + shift [+ residual]); x, residual (..., C), scale and shift (C).
Tensor scale_shift(
    const Tensor& x,
    const Tensor& scale,
    const Tensor& shift,
    const ScaleShiftOptions& o = {},
    const Tensor& residual = {});

struct LayerNormOptions {
  int axes = 1;  // how many of the last axes are normalised together
  double eps = 1e-5;
};
// Each sample by itself over its last axes (Ba et al. 2016). gamma and beta have the shape of those
// axes; an empty handle stands for ones and zeros.
Tensor layer_norm(
    const Tensor& x,
    const Tensor& gamma = {},
    const Tensor& beta = {},
    const LayerNormOptions& o = {});

struct GroupNormOptions {
  int groups = 32;
  double eps = 1e-5;
};
// x (N, ..., C): each sample over its pixels and each of `groups` runs of C / groups channels (Wu
// and He 2018). gamma and beta (C); an empty handle stands for ones and zeros.
Tensor group_norm(
    const Tensor& x,
    const Tensor& gamma = {},
    const Tensor& beta = {},
    const GroupNormOptions& o = {});

struct InstanceNormOptions {
  double eps = 1e-5;
};
// x (N, ..., C): each sample and channel over its pixels (Ulyanov et al. 2016).
Tensor instance_norm(
    const Tensor& x,
    const Tensor& gamma = {},
    const Tensor& beta = {},
    const InstanceNormOptions& o = {});

struct LocalResponseNormOptions {
  int size = 5;  // channels in the window, of which size / 2 lie below
  double alpha = 1e-4;
  double beta = 0.75;
  double k = 1;
};
// y = x / (k + alpha / size * sum of x^2 over a window of channels)^beta (Krizhevsky et al. 2012,
// section 3.3, with alpha divided by the size as PyTorch and Caffe do; the paper's k is 2).
Tensor local_response_norm(const Tensor& x, const LocalResponseNormOptions& o = {});

// Inputs x, gamma, beta, running mean, running variance [, residual]; outputs y, mean and
// 1 / sqrt(var + eps) of the batch, new running mean, new running variance.
class BatchNormTrain : public Primitive {
 public:
  explicit BatchNormTrain(const BatchNormOptions& o) : o_(o) {}
  const BatchNormOptions& options() const { return o_; }

  std::string_view name() const override { return "batch_norm"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 1000; }

 private:
  BatchNormOptions o_;
};

// Inputs x, gamma, beta, mean, rstd, dy [, y]; outputs dx, dgamma, dbeta [, dresidual]. What of dy
// passes the ReLU is read off y where there was a residual, and else computed from x again, which
// is cheaper than reading y.
class BatchNormBackward : public Primitive {
 public:
  enum class Mask : uint8_t { none, from_x, from_y };
  explicit BatchNormBackward(Mask mask) : mask_(mask) {}
  Mask mask() const { return mask_; }

  std::string_view name() const override { return "batch_norm_backward"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 1001 + size_t(mask_); }

 private:
  Mask mask_;
};

// Inputs x, scale, shift [, residual].
class ScaleShift : public Primitive {
 public:
  explicit ScaleShift(bool relu) : relu_(relu) {}
  bool relu() const { return relu_; }

  std::string_view name() const override { return "scale_shift"; }
  Kind kind() const override { return Kind::elementwise; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 1004 + size_t(relu_); }

 private:
  bool relu_;
};

// Layer, group and instance norm are one: inputs x (N, S, C), gamma (C), beta (C); outputs y, and
// the mean and 1 / sqrt(var + eps) (N, groups) over S and the C / groups channels of a group.
class GroupNorm : public Primitive {
 public:
  GroupNorm(int groups, double eps) : groups_(groups), eps_(eps) {}
  int groups() const { return groups_; }
  double eps() const { return eps_; }

  std::string_view name() const override { return "group_norm"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 1006 + size_t(groups_); }

 private:
  int groups_;
  double eps_;
};

// Inputs x (N, S, C), gamma (C), mean and rstd (N, groups), dy (N, S, C); outputs dx, dgamma,
// dbeta.
class GroupNormBackward : public Primitive {
 public:
  explicit GroupNormBackward(int groups) : groups_(groups) {}
  int groups() const { return groups_; }

  std::string_view name() const override { return "group_norm_backward"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 1007 + size_t(groups_); }

 private:
  int groups_;
};

// y[..., c] = the sum of x[..., c - before .. c + after], cut off at the ends.
class ChannelWindowSum : public Primitive {
 public:
  ChannelWindowSum(int before, int after) : before_(before), after_(after) {}
  int before() const { return before_; }
  int after() const { return after_; }

  std::string_view name() const override { return "channel_window_sum"; }
  Kind kind() const override { return Kind::reduce; }
  std::vector<Spec> infer(std::span<const Tensor> in) const override;
  std::vector<Tensor> vjp(
      std::span<const Tensor> in,
      std::span<const Tensor> out,
      std::span<const Tensor> dout,
      std::span<const int> wanted) const override;
  bool same(const Primitive& other) const override;
  size_t hash() const override { return 1100 + size_t(before_ + after_); }

 private:
  int before_, after_;
};

}  // namespace fovea
