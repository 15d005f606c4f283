#include "fovea/ops/norm.h"

#include "fovea/onnx/call.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/reduce.h"
#include "fovea/ops/shape.h"

namespace fovea::onnx {

namespace {

using Values = std::vector<Value>;

// (N, C, ...) as (N, ..., C).
Tensor channels_last(const Value& x) {
  if (x.rank() == 4) return x.images();
  if (x.rank() < 3) return x.tensor;
  std::vector<int> order{0};
  for (int i = 2; i < x.rank(); ++i) order.push_back(i);
  order.push_back(1);
  return transpose(x.tensor, order);
}

Value from_channels_last(const Tensor& y) {
  if (y.rank() == 4) return {y, true};
  if (y.rank() < 3) return {y};
  std::vector<int> order{0, y.rank() - 1};
  for (int i = 1; i + 1 < y.rank(); ++i) order.push_back(i);
  return {transpose(y, order)};
}

// In training the batch's own statistics are used, and new running ones left to the caller.
Values batch_norm(const Call& c) {
  if (c.integer("training_mode", 0) != 0) throw Unsupported("training_mode");
  if (c.integer("spatial", 1) == 0) throw Unsupported("spatial = 0");
  if (c.opset < 7 && c.integer("is_test", 0) == 0) throw Unsupported("is_test = 0");
  for (size_t i = 1; i < 5; ++i)
    if (c.wants(i)) throw Unsupported("outputs of training");
  const BatchNormOptions o{
      .eps = c.number("epsilon", 1e-5), .momentum = 1 - c.number("momentum", 0.9)};
  const Tensor x = channels_last(c[0]);
  const Tensor &gamma = c[1].tensor, &beta = c[2].tensor, &mean = c[3].tensor, &var = c[4].tensor;
  if (!c.training) return {from_channels_last(batch_norm_inference(x, gamma, beta, mean, var, o))};
  BatchNormResult r = batch_norm_train(x, gamma, beta, o, mean, var);
  const std::string prefix = c.ctx.path.empty() ? "" : c.ctx.path + ".";
  c.ctx.updates[prefix + c.node.inputs[3]] = r.new_running_mean;
  c.ctx.updates[prefix + c.node.inputs[4]] = r.new_running_var;
  return {from_channels_last(r.y)};
}

Values instance_norm(const Call& c) {
  const double eps = c.number("epsilon", 1e-5);
  return {from_channels_last(
      fovea::instance_norm(channels_last(c[0]), c[1].tensor, c[2].tensor, {.eps = eps}))};
}

Values group_norm(const Call& c) {
  const Tensor x = channels_last(c[0]);
  const int64_t groups = c.integer("num_groups", 0);
  if (groups < 1 || x.dim(-1) % groups != 0)
    throw std::invalid_argument("num_groups does not divide the channels");
  return {from_channels_last(fovea::group_norm(
      x, c[1].tensor, c[2].tensor, {.groups = int(groups), .eps = c.number("epsilon", 1e-5)}))};
}

Values layer_norm(const Call& c) {
  const Tensor x = c[0].plain();
  if (c.integer("stash_type", 1) != 1) throw Unsupported("stash_type");
  const int axis = c[0].shape().normalize(int(c.integer("axis", -1)));
  const double eps = c.number("epsilon", 1e-5);
  Shape normalised;
  std::vector<int> axes;
  for (int i = axis; i < x.rank(); ++i) {
    normalised.push_back(x.dim(i));
    axes.push_back(i);
  }
  const Tensor gamma = broadcast_to(c[1].plain(), normalised);
  const Tensor beta = c.has(2) ? broadcast_to(c[2].plain(), normalised) : Tensor();
  Values out{{fovea::layer_norm(x, gamma, beta, {.axes = x.rank() - axis, .eps = eps})}};
  if (c.wants(1)) out.push_back({mean(x, axes, {.keep = true})});
  if (c.wants(2)) {
    out.resize(2);
    out.push_back({rsqrt(var(x, axes, {.keep = true}) + eps)});
  }
  return out;
}

Values local_response_norm(const Call& c) {
  const int64_t size = c.integer("size", 0);
  if (size < 1) throw std::invalid_argument("size must be positive");
  if (size % 2 == 0) throw Unsupported("an even size");
  return {from_channels_last(fovea::local_response_norm(
      channels_last(c[0]),
      {.size = int(size),
       .alpha = c.number("alpha", 1e-4),
       .beta = c.number("beta", 0.75),
       .k = c.number("bias", 1)}))};
}

}  // namespace

std::vector<Operator> norm_operators() {
  return {
      {"BatchNormalization", batch_norm, "epsilon is_test momentum spatial training_mode"},
      {"InstanceNormalization", instance_norm, "epsilon", 6},
      {"GroupNormalization", group_norm, "epsilon num_groups stash_type", 21},
      {"LayerNormalization", layer_norm, "axis epsilon stash_type", 17},
      {"LRN", local_response_norm, "alpha beta bias size"},
  };
}

}  // namespace fovea::onnx
