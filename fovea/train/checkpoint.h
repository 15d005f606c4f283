#pragma once

#include <map>
#include <string>

#include "fovea/core/tree.h"

namespace fovea::train {

// Where a run stands, so that it can go on as if it had never stopped: every tensor bit for bit and
// every counter. It is one file, so no crash can leave two that disagree.
struct Checkpoint {
  Tree tensors;        // "model/...", "average/...", "optimizer/...": in memory's layout
  int64_t epoch = 0;   // that the next step belongs to
  int64_t batch = 0;   // of that epoch, to begin with
  int64_t step = 0;    // steps done
  double seconds = 0;  // spent training
  double best = -1;    // best validation metric so far
  std::map<std::string, double> running;   // sums over the epoch so far
  std::map<std::string, double> schedule;  // state of the schedule

  // What must be equal for the same bits; a difference is told to the user.
  int threads = 0;
  std::string arithmetic, data, version;
};

// Atomic: a full disk or a crash leaves the old checkpoint whole.
void save_checkpoint(const std::string& path, const Checkpoint& c);
Checkpoint load_checkpoint(const std::string& path);  // throws IoError

}  // namespace fovea::train
