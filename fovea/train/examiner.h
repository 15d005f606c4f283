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

// Looks at a run before its first step, between its epochs and after its last, where the recipe has
// run.doctor.
class Examiner {
 public:
  virtual ~Examiner() = default;

  // Before the first step of a new run, whose folder is there. Leaves network and data as they are.
  virtual void before(
      const RunFolder& run, const Recipe& recipe, Setup& setup, const Frozen& frozen) = 0;

  // After an epoch, with the record so far on disk.
  virtual void during(const RunFolder& run) = 0;

  // The run ends here, with an error that says which number was not finite.
  virtual void broke(const RunFolder& run, const std::string& error) = 0;

  // After the last step, with the run's record on disk: what its report shall say.
  virtual std::vector<Remark> after(const RunFolder& run) = 0;
};

}  // namespace fovea::train
