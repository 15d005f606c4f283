#pragma once

#include <cstdint>

#include "fovea/data/loader.h"
#include "fovea/models/model_file.h"
#include "fovea/nn/grad.h"
#include "fovea/optim/optimizer.h"
#include "fovea/train/frozen.h"
#include "fovea/train/loss.h"
#include "fovea/train/regularization.h"

namespace fovea::train {

struct StepOptions {
  LossOptions loss;
  double clip_norm = 0;
  const Frozen* frozen = nullptr;  // what is not trained
  Regularization regularization = {};
};

struct StepResult {
  double loss = 0;  // mean over the batch, with auxiliary heads and penalties of the weights
  // Of the batch; where pictures are mixed, by the label that has the larger share.
  int64_t correct = 0;
  double grad_norm = 0;  // before clipping; 0 when gradients are not clipped
};

// The graph of a batch's loss, as training takes it, and of its gradients. Nothing runs; `logits`
// becomes the scores (N, classes).
nn::LossAndGrad loss_and_grad(
    models::Model& model, const data::Batch& batch, Key key, const StepOptions& o, Tensor& logits);

// One step of training: loss and gradients of a batch, then new running statistics and parameters,
// each written where the old one was. `key` is for dropout and all else that is random. A loss that
// is not finite leaves the parameters as they were and throws NonFiniteError, which names the first
// op that made the NaN or infinity.
StepResult train_step(
    models::Model& model,
    optim::Optimizer& optimizer,
    const data::Batch& batch,
    Key key,
    const StepOptions& o = {});

}  // namespace fovea::train
