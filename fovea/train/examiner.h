#pragma once

#include <string>
#include <vector>

#include "fovea/train/frozen.h"
#include "fovea/train/recipe.h"
#include "fovea/train/run_folder.h"
#include "fovea/train/setup.h"

namespace fovea::train {

// Something about a run that its owner should know.
struct Remark {
  std::string id, severity;  // "rate.high", "problem"
  double certainty = 1;      // that it is so, from 0 to 1
  std::string saw, advice;
};

// Looks at a run before its first step, between its epochs and when it ends, where the recipe has
// run.doctor. The last two answer what the run's report shall say.
class Examiner {
 public:
  virtual ~Examiner() = default;

  // Before the first step of a new run, whose folder is there. Leaves network and data as they are.
  virtual void before(
      const RunFolder& run, const Recipe& recipe, Setup& setup, const Frozen& frozen) = 0;

  // After an epoch, with the record so far on disk.
  virtual void during(const RunFolder& run) = 0;

  // The run ends here, with an error that says which number was not finite.
  virtual std::vector<Remark> broke(const RunFolder& run, const std::string& error) = 0;

  // After the last step, or where a signal stopped the run, with its record on disk.
  virtual std::vector<Remark> after(const RunFolder& run) = 0;
};

}  // namespace fovea::train
