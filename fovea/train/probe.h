#pragma once

#include <optional>
#include <vector>

#include "fovea/core/random.h"
#include "fovea/train/codes.h"
#include "fovea/train/loss.h"

namespace fovea::train {

enum class ProbeLoss : uint8_t { softmax, svm };

struct ProbeOptions {
  ProbeLoss loss = ProbeLoss::softmax;
  std::vector<double> weight_decay{1e-4, 1e-3, 1e-2, 1e-1};  // the best on `val` is taken
  int epochs = 60;
  int64_t batch = 64;
  Key key{0};
  LossOptions softmax;   // of ProbeLoss::softmax
  bool balance = false;  // draws codes so that each class comes as often as any other
};

// A linear classifier on codes: scores = codes weight^T + bias.
struct Probe {
  Tensor weight, bias;  // (C, D), (C)
  double weight_decay = 0;
  double train_top1 = 0;
  std::optional<double> val_top1;
};

// Trains one for each weight decay, by AdamW with a falling rate on codes of mean 0 and deviation
// 1, and gives the one that is best on `val`, or the first without it. The loss is the softmax's or
// the multiclass hinge (CS231n, "Linear classification").
Probe fit_probe(const Codes& train, const Codes* val, int64_t classes, const ProbeOptions& o = {});

}  // namespace fovea::train
