#include "fovea/train/step.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "fovea/core/errors.h"
#include "fovea/core/eval.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/random.h"
#include "fovea/optim/clip.h"
#include "fovea/optim/constraint.h"
#include "fovea/optim/noise.h"
#include "fovea/optim/penalty.h"

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

// Streams below the key of a step, far from the small numbers that modules fold in.
enum : uint64_t { mix_stream = 1ull << 32, input_stream, weight_stream, gradient_stream };

// The batch as the step sees it.
MixedBatch prepared(const data::Batch& batch, Key key, const Regularization& r) {
  MixedBatch mixed = mix_batch(batch, r.mix, key.fold_in(mix_stream));
  if (r.input_noise > 0)
    mixed.images = mixed.images +
                   random_normal(mixed.images.shape(), key.fold_in(input_stream), 0, r.input_noise);
  return mixed;
}

nn::LossAndGrad loss_and_grad(
    models::Model& model, const MixedBatch& batch, Key key, const StepOptions& o, Tensor& logits) {
  const Regularization& r = o.regularization;
  nn::Ctx ctx;
  ctx.training = true;
  ctx.key = key;
  if (o.frozen) ctx.frozen = o.frozen->modules;
  auto loss = [&](nn::Ctx& c) {
    const Tree weights = regularized_weights(*model.net, r, o.frozen);
    {
      NoisyWeights noisy(*model.net, weights, r, key.fold_in(weight_stream));
      logits = nn::forward(*model.net, batch.images, c);
    }
    Tensor total = nn::total_loss(logits, c, [&](const Tensor& scores) {
      Tensor own = classification_loss(scores, batch.labels, o.loss);
      if (batch.others.is_empty()) return own;
      Tensor other = classification_loss(scores, batch.others, o.loss);
      return own * batch.share + other * (1 - batch.share);
    });
    if (r.l1 + r.l2 == 0) return total;
    return total + optim::penalty(weights, {.l1 = r.l1, .l2 = r.l2});
  };
  return nn::value_and_grad(*model.net, ctx, loss, [&](std::string_view name) {
    return !o.frozen || !o.frozen->holds(name);
  });
}

// Runs the step again with every op watched, to say where the first NaN was made.
[[noreturn]] void explain_non_finite(
    models::Model& model, const MixedBatch& batch, Key key, const StepOptions& o, double loss) {
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
  return loss_and_grad(model, prepared(batch, key, o.regularization), key, o, logits);
}

StepResult train_step(
    models::Model& model,
    optim::Optimizer& optimizer,
    const data::Batch& batch,
    Key key,
    const StepOptions& o) {
  if (nn::count_parameters(*model.net) == 0)
    throw std::invalid_argument(
        "[train_step] expected a model with parameters; this one is fitted at once, by "
        "`fovea train`");
  StepResult result;
  Tensor logits;
  const Regularization& regularization = o.regularization;
  const MixedBatch mixed = prepared(batch, key, regularization);
  nn::LossAndGrad r = loss_and_grad(model, mixed, key, o, logits);
  Tensor norm;
  if (o.clip_norm > 0) norm = optim::clip_grad_norm(r.grads, o.clip_norm);
  if (regularization.gradient_noise > 0)
    r.grads = optim::with_noise(
        r.grads,
        optim::gradient_noise_std(regularization.gradient_noise, optimizer.steps()),
        key.fold_in(gradient_stream));

  std::vector<Tensor> wanted = values_of(r.grads);
  for (const auto& [name, t] : r.updates) wanted.push_back(t);
  wanted.push_back(r.loss);
  wanted.push_back(logits);
  if (!norm.is_empty()) wanted.push_back(norm);
  eval(wanted);
  wanted.clear();

  result.loss = r.loss.item<double>();
  if (!norm.is_empty()) result.grad_norm = norm.item<double>();
  if (!std::isfinite(result.loss)) explain_non_finite(model, mixed, key, o, result.loss);
  result.correct = count_correct(logits, mixed.share < 0.5 ? mixed.others : mixed.labels);

  nn::assign(*model.net, r.updates);
  Tree params = nn::parameters(*model.net);
  optimizer.step(params, r.grads);
  nn::assign(*model.net, params);  // nobody holds the old values now: they are written over
  if (regularization.max_norm > 0) {
    params.clear();
    Tree weights = regularized_weights(*model.net, regularization, o.frozen);
    optim::max_norm(weights, regularization.max_norm);
    nn::assign(*model.net, weights);
    params = nn::parameters(*model.net);
  }
  r.grads.clear();
  std::vector<Tensor> changed = values_of(params);
  params.clear();
  for (const Tensor& t : values_of(optimizer.state())) changed.push_back(t);
  eval(changed);
  return result;
}

}  // namespace fovea::train
