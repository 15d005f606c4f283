#include "fovea/nn/grad.h"

#include "fovea/autograd/transforms.h"
#include "fovea/core/eval.h"
#include "fovea/core/node.h"
#include "fovea/ops/elementwise.h"

namespace fovea::nn {

Tensor total_loss(
    const Tensor& scores, const Ctx& ctx, const std::function<Tensor(const Tensor&)>& loss) {
  Tensor total = loss(scores);
  for (const AuxiliaryScores& a : ctx.auxiliary) total = total + loss(a.scores) * a.weight;
  return total;
}

LossAndGrad value_and_grad(
    Module& m,
    Ctx ctx,
    const std::function<Tensor(Ctx&)>& loss,
    const std::function<bool(std::string_view)>& trainable) {
  Tree params = parameters(m);
  eval(values_of(params));
  std::vector<std::string> names;
  std::vector<Tensor> wanted;
  for (const auto& [name, t] : params) {
    if (trainable && !trainable(name)) continue;
    names.push_back(name);
    wanted.push_back(t);
  }

  TraceScope trace(wanted);
  LossAndGrad result;
  result.loss = loss(ctx);
  std::vector<Tensor> grads = grad(result.loss, wanted);
  for (size_t i = 0; i < names.size(); ++i) result.grads[names[i]] = grads[i];
  result.updates = std::move(ctx.updates);
  return result;
}

}  // namespace fovea::nn
