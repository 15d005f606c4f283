#include "fovea/train/step.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/optim/clip.h"

namespace fovea::train {

namespace {

int64_t count_correct(const Tensor& logits, const Tensor& labels) {
  auto scores = logits.data<float>();
  auto truth = labels.eval().data<int32_t>();
  auto classes = size_t(logits.dim(1));
  int64_t correct = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    const float* row = scores.data() + i * classes;
    correct += std::max_element(row, row + classes) - row == truth[i];
  }
  return correct;
}

// Runs the step again with every op watched, to say where the first NaN was made.
[[noreturn]] void explain_non_finite(
    models::Model& model, const data::Batch& batch, Key key, const StepOptions& o, double loss) {
  NanGuard guard;
  Tensor logits;
  nn::LossAndGrad again = loss_and_grad(model, batch, key, o, logits);
  std::vector<Tensor> all = values_of(again.grads);
  all.push_back(again.loss);
  eval(all);
  throw NonFiniteError(fmt::format("the loss became {}", loss), "cross_entropy", "");
}

}  // namespace

nn::LossAndGrad loss_and_grad(
    models::Model& model, const data::Batch& batch, Key key, const StepOptions& o, Tensor& logits) {
  nn::Ctx ctx;
  ctx.training = true;
  ctx.key = key;
  if (o.frozen) ctx.frozen = o.frozen->modules;
  auto loss = [&](nn::Ctx& c) {
    logits = nn::forward(*model.net, batch.images, c);
    return nn::total_loss(logits, c, [&](const Tensor& scores) {
      return classification_loss(scores, batch.labels, o.loss);
    });
  };
  return nn::value_and_grad(*model.net, ctx, loss, [&](std::string_view name) {
    return !o.frozen || !o.frozen->holds(name);
  });
}

StepResult train_step(
    models::Model& model,
    optim::Optimizer& optimizer,
    const data::Batch& batch,
    Key key,
    const StepOptions& o) {
  StepResult result;
  Tensor logits;
  nn::LossAndGrad r = loss_and_grad(model, batch, key, o, logits);
  Tensor norm;
  if (o.clip_norm > 0) norm = optim::clip_grad_norm(r.grads, o.clip_norm);

  std::vector<Tensor> wanted = values_of(r.grads);
  for (const auto& [name, t] : r.updates) wanted.push_back(t);
  wanted.push_back(r.loss);
  wanted.push_back(logits);
  if (!norm.is_empty()) wanted.push_back(norm);
  eval(wanted);
  wanted.clear();

  result.loss = r.loss.item<double>();
  if (!norm.is_empty()) result.grad_norm = norm.item<double>();
  if (!std::isfinite(result.loss)) explain_non_finite(model, batch, key, o, result.loss);
  result.correct = count_correct(logits, batch.labels);

  nn::assign(*model.net, r.updates);
  Tree params = nn::parameters(*model.net);
  optimizer.step(params, r.grads);
  nn::assign(*model.net, params);  // nobody holds the old values now: they are written over
  r.grads.clear();
  std::vector<Tensor> changed = values_of(params);
  params.clear();
  for (const Tensor& t : values_of(optimizer.state())) changed.push_back(t);
  eval(changed);
  return result;
}

}  // namespace fovea::train
