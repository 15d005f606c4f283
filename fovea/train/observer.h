#pragma once

#include <cstdint>
#include <string>

#include "fovea/train/metrics.h"

namespace fovea::train {

// Where a run stands after a step.
struct StepReport {
  int64_t epoch = 0, epochs = 0;   // from 1
  int64_t batch = 0, batches = 0;  // done in this epoch
  int64_t step = 0;                // done in all
  double loss = 0, accuracy = 0;   // means over the epoch so far
  double lr = 0;
  double images_per_second = 0;
  double seconds_left = 0;  // of the whole run
};

struct EpochReport {
  int64_t epoch = 0, epochs = 0;
  int64_t step = 0;  // 0 of a model that was fitted at once: it has no training loss
  double train_loss = 0, train_accuracy = 0;
  const Evaluation* val = nullptr;  // null without a validation split
  bool best = false;                // the best so far: model.safetensors was written
  double lr = 0, seconds = 0, images_per_second = 0;
  double waited = 0;       // share of the time the trainer waited for data
  int64_t peak_bytes = 0;  // of tensors
};

// What a trainer tells whoever watches it.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void note(const std::string& text) {}
  virtual void on_step(const StepReport& r) {}
  virtual void on_epoch(const EpochReport& r) {}
};

}  // namespace fovea::train
