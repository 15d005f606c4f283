#pragma once

#include <map>
#include <optional>
#include <string>

#include "fovea/core/device.h"
#include "fovea/data/preprocess.h"
#include "fovea/data/split.h"
#include "fovea/image/augment.h"
#include "fovea/models/classic_layers.h"
#include "fovea/models/pattern.h"
#include "fovea/train/config.h"
#include "fovea/train/loss.h"
#include "fovea/train/regularization.h"

namespace fovea::train {

// The settings a training run knows, with their defaults; `fovea train --help` and the docs are
// made from this table.
std::span<const KeyInfo> recipe_keys();

// A Config over that table.
Config recipe_config();

enum class ClassWeighting : uint8_t { none, balanced, effective, given };

// A recipe as the trainer reads it. Everything here follows from the Config alone; what depends on
// the data (classes, input size, statistics) is found when the run begins.
struct Recipe {
  explicit Recipe(const Config& config);

  std::string name, folder;
  uint64_t seed = 1;
  int threads = 0;
  Determinism determinism = Determinism::usual;
  bool doctor = true;

  std::string source;
  double val_share = 0.1;
  data::Fold fold = {.number = 1, .of = 0};  // of 0: no folds, a share
  int64_t limit = 0;
  int channels = 0, height = 0, width = 0;
  std::string resize, normalize;
  int workers = 1;
  int64_t cache_bytes = 0;
  double max_corrupt = 0.1;
  bool allow_missing_classes = false;
  bool balance = false;  // of classes, by drawing

  std::string model, pattern;  // the pattern gives the layers once the classes are known
  models::PatternOptions pattern_options;
  std::optional<models::ClassicOptions> classic;  // gives the layers once the data is known
  std::string init, from;
  std::string from_preprocess;  // of `from`, an ONNX file that does not record it
  bool linear_head = false;
  std::vector<std::string> freeze;
  std::vector<models::LayerSpec> layers;

  int epochs = 10, head_epochs = 0;
  int64_t batch = 128;
  double max_seconds = 0;
  double label_smoothing = 0;
  std::optional<double> focal_gamma;  // of the focal loss, where that is the loss
  Hinge hinge = Hinge::none;
  ClassWeighting weighting = ClassWeighting::none;
  std::vector<double> class_weights;  // for ClassWeighting::given
  double clip_norm = 0;
  double ema = 0;
  int patience = 0;
  Regularization regularization;
  int64_t save_steps = 0;
  int snapshots = 0;
  int looks = 24;             // at the layers, over the run
  bool loss_surface = false;  // in the report; snapshots are then kept along the way

  std::map<std::string, std::string> optimizer, schedule;
  image::Augment augment;

  // Whether it has epochs: not where all layers are fitted at once.
  bool learns_by_steps() const;
};

}  // namespace fovea::train
