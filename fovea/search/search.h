#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fovea/search/halving.h"
#include "fovea/search/store.h"
#include "fovea/search/trial.h"
#include "fovea/train/config.h"

namespace fovea::search {

enum class Sampling : uint8_t { random, grid };

// Where a search stands, as told after each part of a trial.
struct Progress {
  const Trial& trial;
  const Trial* best = nullptr;  // so far
  int stage_epochs = 0;         // of the trial, at most; 0 where models are fitted at once
  double seconds = 0;           // of the whole search
};

// What a search tells whoever watches it; one call at a time, from any thread.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void note(const std::string& text) {}
  virtual void on_stage(const Stage& stage) {}
  virtual void on_trial(const Progress& p) {}
};

struct SearchOptions {
  Space space;
  double budget = 0;  // seconds for all sessions together; 0: as long as it takes
  int trials = 0;     // at most; 0: as many as the budget allows
  int jobs = 1;       // trials at the same time; the threads are divided among them
  int stages = 2;     // from coarse to fine
  double shrink = 1.0 / 3;
  Sampling sampling = Sampling::random;
  int points = 3;  // of each range, in a grid
  Stopping stopping = Stopping::hyperband;
  int eta = 3;  // the share 1 / eta goes on to the next rung, with eta times the epochs
  Measure measure = Measure::accuracy;
  std::string folder;      // of the search
  bool overwrite = false;  // of another search in it
  bool keep_all = false;   // models and checkpoints of trials other than the best
  Watcher* watcher = nullptr;
  std::function<bool()> stop = {};  // asked after every step; true stops, to go on later
};

struct SearchResult {
  std::string folder, name;  // the name is that of the recipe
  bool interrupted = false;  // by `stop`
  double seconds = 0;        // of all sessions
  Measure measure = Measure::accuracy;
  int epochs = 0;  // of the recipe
  std::vector<Stage> stages;
  std::vector<Trial> trials;
  std::optional<size_t> best;      // into trials
  std::vector<std::string> notes;  // on the whole: what to do next
};

// Looks for the values of a recipe that do best on the validation split. Trials are drawn from the
// seed of the recipe, so that equal seeds try equal values. Each stage divides its trials into
// brackets (halving.h) and is followed by one in a smaller space (zoom); the last one has the
// epochs of the recipe, each earlier one eta times fewer. Trials that fail are recorded and left.
// Trials run in threads of this process, each a run of its own in `folder`/trials that pauses at
// its rungs and goes on to the bit.
//
// The folder holds search.sqlite, best.toml (for `fovea train`), report.html and the trials. Called
// again with the same recipe and options it goes on where it was stopped or killed; budget, trials
// and jobs may differ. Throws what the user can mend.
SearchResult search(train::Config recipe, const SearchOptions& o);

// The values of a trial as "optimizer.lr 0.003, train.batch 64".
std::string text_of(const Values& values);

}  // namespace fovea::search
