#pragma once

#include "fovea/doctor/finding.h"
#include "fovea/doctor/forecast.h"
#include "fovea/doctor/patient.h"

// The checks, in the order in which one fault hides the next. Each adds what it finds and leaves
// the patient as it was.
namespace fovea::doctor {

struct CheckOptions {
  int64_t pictures = 5000;    // looked at in a split
  double look_seconds = 1e9;  // at most, for looking at a split: fewer pictures where they are slow
  int64_t inputs = 256;       // pictures the statistics of inputs are taken from
  int64_t batch = 64;         // pictures of the first forward and backward pass
  bool trains = true;         // learn 20 pictures by heart, and run for some steps
  int steps = 60;             // of the short run
  double seconds = 60;        // at most, of each part that trains
  int64_t memory = 0;         // bytes there are for training; 0 asks the system
  bool sheet = false;         // gather pictures for Diagnosis::sheet
};

void check_data(const Patient& p, const CheckOptions& o, Findings& found);
void check_recipe(const Patient& p, Findings& found);
void check_weights(const Patient& p, Findings& found);
void check_memory(const Forecast& f, const Patient& p, const CheckOptions& o, Findings& found);
void check_start(const Patient& p, const CheckOptions& o, Findings& found);

// Trains on 20 samples without regularisation. True unless they could not be learnt.
bool check_overfit(Patient& p, const CheckOptions& o, Findings& found);

// A short run of the recipe, its schedule pressed into the steps.
void check_run(Patient& p, const CheckOptions& o, bool overfits, Findings& found);

}  // namespace fovea::doctor
