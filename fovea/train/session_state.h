#pragma once

#include <string>
#include <vector>

#include "fovea/models/model_file.h"
#include "fovea/optim/average.h"
#include "fovea/optim/optimizer.h"
#include "fovea/optim/schedule.h"
#include "fovea/train/checkpoint.h"

// How what a run is training gets into a checkpoint and out of it; private to the room.
namespace fovea::train {

// All that changes with the steps of a run, but for the counters of its Checkpoint.
struct Learner {
  models::Model& model;
  optim::Optimizer& optimizer;
  optim::Schedule& schedule;
  optim::ParameterAverage* average = nullptr;  // null where the recipe keeps none
};

// Puts the tensors, the schedule's state, and what the bits depend on into `to`.
void capture(const Learner& learner, Checkpoint& to);

// Gives them to the learner, takes the tensors out of `from`, and returns what may make the result
// differ in the last bits, in words. Throws std::invalid_argument naming `source` when the training
// data is not what the run began with.
std::vector<std::string> restore(
    const Learner& learner, Checkpoint& from, const std::string& source);

}  // namespace fovea::train
