#pragma once

#include <functional>
#include <span>
#include <vector>

#include "fovea/core/tensor.h"

// Reverse-mode differentiation. The lazy graph is the tape: gradients are more nodes on it, built
// with ordinary ops, so they can be differentiated again.
namespace fovea {

using Fn = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

// The gradients of sum_i <outputs[i], douts[i]> with respect to `wanted`, which may be leaves or
// intermediate values. A value that `outputs` do not depend on gets zeros. An empty dout stands
// for ones on a scalar output.
std::vector<Tensor> backward(
    std::span<const Tensor> outputs, std::span<const Tensor> douts, std::span<const Tensor> wanted);

// The gradient of one output, a scalar unless `dout` is given.
std::vector<Tensor> grad(
    const Tensor& output, std::span<const Tensor> wanted, const Tensor& dout = {});
Tensor grad(const Tensor& output, const Tensor& wanted, const Tensor& dout = {});

// f at `primals`, and the product of `douts` with its Jacobian.
struct Vjp {
  std::vector<Tensor> values, grads;
};
Vjp vjp(const Fn& f, std::span<const Tensor> primals, std::span<const Tensor> douts);

// The same function, whose inner values are computed again in the backward pass instead of kept
// (Chen et al. 2016, "Training deep nets with sublinear memory cost").
Fn checkpoint(Fn f);

// f with its gradient replaced: `rule` gets inputs, outputs and output gradients and gives one
// gradient per input (empty: zero).
Fn custom_vjp(
    Fn f,
    std::function<std::vector<Tensor>(
        std::span<const Tensor> in, std::span<const Tensor> out, std::span<const Tensor> dout)>
        rule);

}  // namespace fovea
