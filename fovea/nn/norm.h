#pragma once

#include "fovea/nn/module.h"
#include "fovea/ops/norm.h"

namespace fovea::nn {

// Batch normalisation over all axes but the last (Ioffe and Szegedy 2015). Keys: weight, bias,
// running_mean, running_var (C), num_batches_tracked (). In training the new running statistics go
// to ctx.updates.
class BatchNorm : public Module {
 public:
  struct Options {
    int64_t channels = 0;
    double eps = 1e-5;
    double momentum = 0.1;  // PyTorch's: the weight of the new batch
    double gamma = 1;       // where weight begins; 0 makes a residual block begin as the identity
  };
  explicit BatchNorm(const Options& o);
  Tensor forward(const Tensor& x, Ctx& ctx) const override;

  // The fused forms: ReLU, and a residual added before it.
  Tensor forward_relu(const Tensor& x, Ctx& ctx, const Tensor& residual = {}) const;
  void visit(Visitor& v) override;

 private:
  Tensor apply(const Tensor& x, Ctx& ctx, bool relu, const Tensor& residual) const;

  Options o_;
  Tensor weight_, bias_, mean_, var_, batches_;
};

// Over the last axis. Keys: weight, bias (C).
class LayerNorm : public Module {
 public:
  struct Options {
    int64_t channels = 0;
    double eps = 1e-5;
  };
  explicit LayerNorm(const Options& o);
  Tensor forward(const Tensor& x, Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  Options o_;
  Tensor weight_, bias_;
};

// Keys: weight, bias (C).
class GroupNorm : public Module {
 public:
  struct Options {
    int groups = 32;
    int64_t channels = 0;
    double eps = 1e-5;
  };
  explicit GroupNorm(const Options& o);
  Tensor forward(const Tensor& x, Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  Options o_;
  Tensor weight_, bias_;
};

// Keys: weight, bias (C), where `affine`.
class InstanceNorm : public Module {
 public:
  struct Options {
    int64_t channels = 0;
    bool affine = true;
    double eps = 1e-5;
  };
  explicit InstanceNorm(const Options& o);
  Tensor forward(const Tensor& x, Ctx& ctx) const override;
  void visit(Visitor& v) override;

 private:
  Options o_;
  Tensor weight_, bias_;
};

// AlexNet's local response normalisation (Krizhevsky et al. 2012, section 3.3).
class LocalResponseNorm : public Module {
 public:
  explicit LocalResponseNorm(const LocalResponseNormOptions& o = {}) : o_(o) {}
  Tensor forward(const Tensor& x, Ctx&) const override { return local_response_norm(x, o_); }

 private:
  LocalResponseNormOptions o_;
};

}  // namespace fovea::nn
