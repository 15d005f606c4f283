#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fovea/train/advice.h"
#include "fovea/train/config.h"
#include "fovea/train/metrics.h"
#include "fovea/train/probe.h"
#include "fovea/train/setup.h"

// Transfer learning from a recipe that names a model with model.from.
namespace fovea::train {

struct FinetuneOptions {
  std::optional<int64_t> stages;  // before the head, that mode "last" trains; else 2
  // First ones, that train the head alone: new layers would send the others destructive gradients.
  // Else 1 where the head is new and more epochs follow.
  std::optional<int64_t> head_epochs;
  std::optional<double>
      stage_lr;                   // learning rate of a stage as a share of the next one's; else 0.5
  std::optional<ProbeLoss> loss;  // of mode "features"; else softmax
};

struct Finetuning {
  Config config;                   // what train() follows; for mode "features", train_on_features()
  std::string mode;                // "features", "last" or "all"
  Setup setup;                     // of the config, for either
  Advice advice;                   // by the data, whatever the mode
  std::vector<std::string> notes;  // on settings that have no effect, beside those of the setup
};

// Settles what is trained, how fast and from when on: model.freeze, train.head_epochs and
// optimizer.groups, each unless the recipe has it. Looks at some hundred pictures for advise(),
// which mode "auto" follows. Throws std::invalid_argument for other modes.
Finetuning plan_finetuning(Config config, const std::string& mode, const FinetuneOptions& o);

struct FeatureResult {
  std::string model;  // the file
  int64_t features = 0;
  double weight_decay = 0, train_top1 = 0, seconds = 0;
  int64_t skipped = 0;                  // training pictures that cannot be read
  std::optional<Evaluation> val, test;  // of the whole model
};

// Computes the codes of all pictures once, trains a linear classifier on them and writes it as the
// head of the model into a run folder (CS231n: the network as a fixed feature extractor). Throws
// before the work where that folder cannot be made.
FeatureResult train_on_features(Finetuning plan, const FinetuneOptions& o, bool overwrite);

}  // namespace fovea::train
