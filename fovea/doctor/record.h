#pragma once

#include <map>
#include <string>
#include <vector>

#include "fovea/doctor/finding.h"
#include "fovea/train/recipe.h"
#include "fovea/train/run_folder.h"

namespace fovea::doctor {

// What a run wrote about itself, as far as it has come.
struct Record {
  struct Point {  // means since the point before
    int64_t step = 0, epoch = 0;
    double loss = 0, top1 = 0, lr = 0;
    double own_mb = 0;  // resident memory but for pictures kept; 0 where it is not known
  };
  struct Epoch {
    int64_t epoch = 0;
    double train_loss = 0, train_top1 = 0, val_loss = 0, val_top1 = 0;  // NaN where there is none
    double waited = 0, seconds = 0;  // share of this epoch's time; time of all epochs so far
  };
  struct Look {        // of train::vital_signs
    int64_t step = 0;  // done, with the one looked at
    std::map<std::string, double> values;
  };
  std::vector<Point> points;
  std::vector<Epoch> epochs;
  std::vector<Look> looks;
  int64_t classes = 0, val_samples = 0, steps = 0;  // steps planned; 0 where it is not known
  bool ended = false, broken = false;
  int64_t broken_step = 0;

  int64_t last_step() const { return points.empty() ? 0 : points.back().step; }
  bool done() const { return ended || (steps > 0 && last_step() >= steps); }
};

Record read_record(const std::vector<train::Metrics>& lines);

// The checks of a record, in the order in which one fault hides the next.

// Whether the run learns at all; else the rest is not worth a look. `layers_ill` says that
// check_layers found why it might not.
bool check_learning(const Record& r, const train::Recipe& recipe, bool layers_ill, Findings& found);
void check_layers(const Record& r, Findings& found);
void check_pace(const Record& r, const train::Recipe& recipe, Findings& found);
void check_fit(const Record& r, Findings& found);  // training against validation
void check_upkeep(const Record& r, const train::Recipe& recipe, Findings& found);  // time, memory

}  // namespace fovea::doctor
