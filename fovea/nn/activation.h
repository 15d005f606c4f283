#pragma once

#include <optional>
#include <string>

#include "fovea/nn/module.h"
#include "fovea/ops/activation.h"

namespace fovea::nn {

// An activation without parameters, by name: relu, leaky_relu, elu, gelu, silu, softplus, sigmoid,
// tanh, hard_sigmoid, hard_swish, relu6, softmax, identity. `alpha` is the slope of leaky_relu and
// the alpha of elu.
class Activation : public Module {
 public:
  explicit Activation(std::string_view name, std::optional<double> alpha = {});
  Tensor forward(const Tensor& x, Ctx& ctx) const override;

 private:
  Tensor (*f_)(const Tensor&, double);
  double alpha_;
};

// The names Activation knows.
std::vector<std::string> activation_names();

// Learned slopes, one per channel or one for all (channels = 1). Key: weight.
class PRelu : public Module {
 public:
  explicit PRelu(int64_t channels = 1, double begin = 0.25);
  Tensor forward(const Tensor& x, Ctx&) const override { return prelu(x, weight_); }
  void visit(Visitor& v) override;

 private:
  double begin_;
  Tensor weight_;
};

// The largest of `pieces` groups of channels: (..., pieces * C) -> (..., C).
class Maxout : public Module {
 public:
  explicit Maxout(int pieces) : pieces_(pieces) {}
  Tensor forward(const Tensor& x, Ctx&) const override { return maxout(x, pieces_); }

 private:
  int pieces_;
};

}  // namespace fovea::nn
