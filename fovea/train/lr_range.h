#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/optim/optimizer.h"
#include "fovea/train/config.h"
#include "fovea/train/step.h"

// Which learning rate to train with: the range test of Smith 2017, "Cyclical learning rates for
// training neural networks", section 3.3. A short training whose rate grows from step to step shows
// where the loss begins to fall and where it no longer does.
namespace fovea::train {

struct LrRangeOptions {
  double min_lr = 1e-7,
         max_lr = 10;  // the rate of the first and the last step, growing by a factor
  int steps = 100;     // at least 20
  std::optional<double> smoothing = {};  // decay of the average of the loss, in [0, 1);
                                         // empty: 1 - 10 / steps
  double stop = 4;                       // ends when the average passes this many times its least
};

struct LrPoint {
  double lr = 0;       // of a step
  double loss = 0;     // of its batch, before it
  double average = 0;  // of the losses so far, debiased as Adam's means are
};

enum class Sureness : uint8_t { none, poor, fair, good };
std::string_view name_of(Sureness s);

struct LrRange {
  std::string title;            // of the recipe
  double recipe_lr = 0;         // what the recipe has; 0: no recipe
  std::vector<LrPoint> points;  // finite ones
  bool diverged = false;        // ended before max_lr

  // The middle (of logarithms) of the stretch around the steepest fall of the loss over log(rate)
  // where it falls at least half as steeply; nothing where the loss never falls. Losses are
  // averaged to both sides for it, so that it does not lag behind.
  std::optional<double> suggestion;
  double from = 0, to = 0;  // that stretch
  double least_lr = 0;      // where the averaged loss is least
  double fall = 0;          // of the averaged loss, from the first rate to its least
  double scatter = 0;       // standard deviation of single batches around the average
  Sureness sure = Sureness::none;
  std::vector<std::string>
      notes;  // what is odd: a range that is too short, a loss that never falls
};

// The test on anything that trains: step(lr) takes one step and returns the loss before it. A loss
// that is not finite, returned or thrown as NonFiniteError, ends the test; the first one throws
// NonFiniteError. Throws std::invalid_argument for a range that is none.
LrRange lr_range_test(const std::function<double(double lr)>& step, const LrRangeOptions& o = {});

// The test on a model, with its optimiser and batches; step i gets the key key.fold_in(i).
// Afterwards parameters, running statistics and optimiser are what they were, to the bit.
struct LrRangeTraining {
  models::Model& model;
  optim::Optimizer& optimizer;
  data::Loader& loader;
  Key key;
  StepOptions step;
};
LrRange lr_range_test(const LrRangeTraining& training, const LrRangeOptions& o = {});

// The test on what a recipe trains: its data, loss, optimiser with groups, and frozen parts. Its
// schedule and train.head_epochs have no part in it. Nothing is written.
LrRange lr_range_test(const Config& config, const LrRangeOptions& o = {});

// For a terminal: about `most` rows of the curve, and what follows from it.
std::string lr_range_text(const LrRange& r, int most = 20);

// The curve as FILE.svg, FILE.html (with the table) or FILE.csv. Throws std::invalid_argument for
// another ending, IoError where it cannot be written.
void write_lr_range(const LrRange& r, const std::string& path);

}  // namespace fovea::train
