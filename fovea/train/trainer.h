#pragma once

#include <functional>
#include <optional>
#include <string>

#include "fovea/train/examiner.h"
#include "fovea/train/observer.h"
#include "fovea/train/recipe.h"
#include "fovea/train/run_folder.h"
#include "fovea/train/setup.h"

namespace fovea::train {

enum class Signal { go_on, save, stop };  // save: write a checkpoint and go on

struct TrainOptions {
  bool overwrite = false;  // of a run folder with the same name
  Observer* observer = nullptr;
  Examiner* examiner = nullptr;
  std::function<Signal()> signal;  // asked after every step
  // Trains up to the end of this epoch of the recipe and leaves the rest to resume(): further
  // epochs, the test split, the report. 0: all of it.
  int64_t until_epoch = 0;
};

struct TrainResult {
  std::string folder;
  bool interrupted = false;  // stopped by a signal; resume() goes on
  std::string ended;         // how, where it was before the recipe's end
  int64_t steps = 0;
  double seconds = 0;                          // spent training, without evaluation
  std::optional<Evaluation> val, test;         // of the best model
  std::optional<std::vector<Remark>> remarks;  // of the examiner, where there is one
};

// Trains as the recipe says and leaves a run folder. Throws what the user can mend.
TrainResult train(const Config& config, const TrainOptions& o = {});
// The same for what set_up() made of the recipe before.
TrainResult train(Setup setup, const Config& config, const TrainOptions& o = {});

// Goes on with a run from its last checkpoint, to the same bits as if it had never stopped (at
// equal threads, instruction set and version; what differs is noted).
TrainResult resume(const std::string& folder, const TrainOptions& o = {});

}  // namespace fovea::train
