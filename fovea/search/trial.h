#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fovea/search/space.h"

namespace fovea::search {

// waiting: not begun. running: begun, and to go on (also what a kill leaves behind). stopped:
// early, since others did better, or because its stage ended. done: trained to the end of its
// stage.
enum class State : uint8_t { waiting, running, stopped, done, failed };

std::string_view name_of(State s);

// What an epoch of a trial came to; NaN where it was not measured, as the training loss of a model
// that is fitted at once.
struct TrialEpoch {
  int64_t epoch = 0;  // from 1
  double train_loss = 0, train_top1 = 0, val_loss = 0, val_top1 = 0;

  friend bool operator==(const TrialEpoch&, const TrialEpoch&) = default;
};

// One training with values of its own.
struct Trial {
  int64_t number = 1;          // in the search, from 1
  int stage = 0, bracket = 0;  // from 0
  Values values;
  State state = State::waiting;
  std::string reason = {};  // why it failed
  double seconds = 0;       // spent training
  std::vector<TrialEpoch> epochs = {};

  bool active() const { return state == State::waiting || state == State::running; }
  // Whether its model was fitted at once, and judged as after one epoch of training.
  bool fitted() const;
};

// How long it was trained: "3 epochs", "fitted at once".
std::string length_of(const Trial& t);

// What trials are judged by, on the validation split: never on the test split.
enum class Measure : uint8_t { accuracy, loss };

Measure measure_of(const std::string& name);  // "val_top1" or "val_loss", else throws
std::string_view name_of(Measure m);

// The best value of the measure up to an epoch (0: any); none where there is none, or the trial
// failed.
std::optional<double> score(const Trial& t, Measure m, int64_t up_to = 0);

// Positions of trials with a score, from the best to the worst; of equal accuracies the one with
// the least validation loss leads, of equal trials the earlier one.
std::vector<size_t> ranking(std::span<const Trial> trials, Measure m, int64_t up_to = 0);

// How much of the differences between the trials of the first stage a key explains by itself.
struct Importance {
  std::string key;
  double share = 0;  // of 1
};

// Trials are ranked by their scores at the first epochs that all of them have, and put into groups
// of near values of a key; the share is the part of the variance of ranks that lies between the
// groups, corrected for chance (epsilon squared, Kelley 1935). A hint: joint effects are not seen.
// Empty with fewer than eight trials.
std::vector<Importance> importance(std::span<const Trial> trials, const Space& space, Measure m);

}  // namespace fovea::search
