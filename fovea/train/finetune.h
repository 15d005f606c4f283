#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fovea/train/config.h"
#include "fovea/train/metrics.h"
#include "fovea/train/probe.h"
#include "fovea/train/setup.h"

// Transfer learning from a recipe that names a model with model.from.
namespace fovea::train {

struct FinetuneOptions {
  int stages = 2;         // before the head, that mode "last" trains
  int head_epochs = 1;    // first ones, that train the head alone: new layers would send the others
                          // destructive gradients
  double stage_lr = 0.5;  // learning rate of a stage as a share of the next one's
  ProbeLoss loss = ProbeLoss::softmax;  // of mode "features"
};

struct Finetuning {
  Config config;     // what train() follows; for mode "features", train_on_features()
  std::string mode;  // "features", "last" or "all"
  Setup setup;       // of the config, for either
  std::vector<std::string> notes;
};

// Settles what is trained, how fast and from when on: model.freeze, train.head_epochs and
// optimizer.groups, each unless the recipe has it. Mode "auto" looks at the data and takes
// advise(). Throws std::invalid_argument for other modes.
Finetuning plan_finetuning(Config config, const std::string& mode, const FinetuneOptions& o);

struct FeatureResult {
  std::string model;  // the file
  int64_t features = 0;
  double weight_decay = 0, train_top1 = 0, seconds = 0;
  std::optional<Evaluation> val, test;  // of the whole model
};

// Computes the codes of all pictures once, trains a linear classifier on them and writes it as the
// head of the model into a run folder (CS231n: the network as a fixed feature extractor).
FeatureResult train_on_features(Finetuning plan, const FinetuneOptions& o, bool overwrite);

}  // namespace fovea::train
