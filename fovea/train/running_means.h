#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "fovea/train/step.h"

namespace fovea::train {

// Means of what the steps give, over the epoch so far and since the last line of the log; private
// to the room. The sums lie in a checkpoint's map, so that a resumed run goes on with them.
class RunningMeans {
 public:
  explicit RunningMeans(std::map<std::string, double>& sums);

  void add(const StepResult& r, int64_t samples);

  // `what` is "loss" or "correct"; 0 before the first step.
  double of_epoch(const std::string& what) const;
  double since_line(const std::string& what) const;

  void end_epoch();
  void end_line();

 private:
  double mean(const std::string& span, const std::string& what) const;
  void clear(const std::string& span);

  std::map<std::string, double>& sums_;
};

}  // namespace fovea::train
