#include "fovea/nn/norm.h"

#include <fmt/format.h>

#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"

namespace fovea::nn {

namespace {

void check_channels(const char* layer, const Tensor& x, int64_t channels) {
  if (x.rank() < 1 || x.dim(-1) != channels)
    throw std::invalid_argument(fmt::format(
        "[{}] expected {} channels on the last axis, got shape {}",
        layer,
        channels,
        x.shape().str()));
}

}  // namespace

BatchNorm::BatchNorm(const Options& o)
    : o_(o),
      weight_(shaped({o.channels})),
      bias_(shaped({o.channels})),
      mean_(zeros({o.channels})),
      var_(ones({o.channels})),
      batches_(zeros({}, Dtype::i64)) {}

Tensor BatchNorm::forward(const Tensor& x, Ctx& ctx) const { return apply(x, ctx, false, {}); }

Tensor BatchNorm::forward_relu(const Tensor& x, Ctx& ctx, const Tensor& residual) const {
  return apply(x, ctx, true, residual);
}

Tensor BatchNorm::apply(const Tensor& x, Ctx& ctx, bool relu, const Tensor& residual) const {
  check_channels("BatchNorm", x, o_.channels);
  BatchNormOptions options{.eps = o_.eps, .momentum = o_.momentum, .relu = relu};
  if (!ctx.training) return batch_norm_inference(x, weight_, bias_, mean_, var_, options, residual);
  BatchNormResult r = batch_norm_train(x, weight_, bias_, options, mean_, var_, residual);
  std::string prefix = ctx.path.empty() ? "" : ctx.path + ".";
  ctx.updates[prefix + "running_mean"] = r.new_running_mean;
  ctx.updates[prefix + "running_var"] = r.new_running_var;
  ctx.updates[prefix + "num_batches_tracked"] = batches_ + 1;
  return r.y;
}

void BatchNorm::visit(Visitor& v) {
  v.param("weight", weight_, {.init = constant(o_.gamma)});
  v.param("bias", bias_);
  v.state("running_mean", mean_);
  v.state("running_var", var_);
  v.state("num_batches_tracked", batches_);
}

LayerNorm::LayerNorm(const Options& o)
    : o_(o), weight_(shaped({o.channels})), bias_(shaped({o.channels})) {}

Tensor LayerNorm::forward(const Tensor& x, Ctx&) const {
  check_channels("LayerNorm", x, o_.channels);
  return layer_norm(x, weight_, bias_, {.eps = o_.eps});
}

void LayerNorm::visit(Visitor& v) {
  v.param("weight", weight_, {.init = constant(1)});
  v.param("bias", bias_);
}

GroupNorm::GroupNorm(const Options& o)
    : o_(o), weight_(shaped({o.channels})), bias_(shaped({o.channels})) {
  if (o.groups < 1 || o.channels % o.groups != 0)
    throw std::invalid_argument(fmt::format(
        "[GroupNorm] expected channels divisible by {} groups, got {}", o.groups, o.channels));
}

Tensor GroupNorm::forward(const Tensor& x, Ctx&) const {
  check_channels("GroupNorm", x, o_.channels);
  return group_norm(x, weight_, bias_, {.groups = o_.groups, .eps = o_.eps});
}

void GroupNorm::visit(Visitor& v) {
  v.param("weight", weight_, {.init = constant(1)});
  v.param("bias", bias_);
}

InstanceNorm::InstanceNorm(const Options& o) : o_(o) {
  if (!o.affine) return;
  weight_ = shaped({o.channels});
  bias_ = shaped({o.channels});
}

Tensor InstanceNorm::forward(const Tensor& x, Ctx&) const {
  check_channels("InstanceNorm", x, o_.channels);
  return instance_norm(x, weight_, bias_, {.eps = o_.eps});
}

void InstanceNorm::visit(Visitor& v) {
  if (!o_.affine) return;
  v.param("weight", weight_, {.init = constant(1)});
  v.param("bias", bias_);
}

}  // namespace fovea::nn
