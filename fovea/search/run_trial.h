#pragma once

#include <functional>
#include <string>

#include "fovea/search/trial.h"
#include "fovea/train/config.h"

namespace fovea::search {

struct TrialRun {
  train::Config recipe;     // with the values of the trial
  std::string folder;       // of its run
  int64_t until_epoch = 0;  // trains, or goes on, up to here
  std::function<bool()> stop;
  std::function<void(const TrialEpoch&)> on_epoch;
};

struct TrialEnd {
  bool stopped = false;     // by `stop`, before until_epoch
  std::string reason = {};  // why it failed; empty where it did not
};

// Trains a trial in this thread as a run of its own, without a look at the test split.
TrialEnd run_trial(const TrialRun& run);

// What a run folder says of the epochs it has finished.
std::vector<TrialEpoch> epochs_of_run(const std::string& folder);

}  // namespace fovea::search
