#pragma once

#include <functional>

#include "fovea/nn/module.h"

namespace fovea::nn {

struct LossAndGrad {
  Tensor loss;
  Tree grads;    // by parameter name
  Tree updates;  // new running statistics
};

// loss(scores), and the same loss of the auxiliary heads that ran in ctx, each times its weight.
Tensor total_loss(
    const Tensor& scores, const Ctx& ctx, const std::function<Tensor(const Tensor&)>& loss);

// Builds the graph of a loss and of its gradients with respect to the parameters that `trainable`
// accepts (all by default). Nothing runs until the results are evaluated. `loss` closes over the
// model and the batch and must use the context it is given.
LossAndGrad value_and_grad(
    Module& m,
    Ctx ctx,
    const std::function<Tensor(Ctx&)>& loss,
    const std::function<bool(std::string_view)>& trainable = {});

}  // namespace fovea::nn
