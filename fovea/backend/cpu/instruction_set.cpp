#include "fovea/backend/cpu/instruction_set.h"

#include <hwy/highway.h>

namespace fovea::cpu {

std::string instruction_set() {
  int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  return hwy::TargetName(targets & -targets);  // the lowest bit is the best
}

}  // namespace fovea::cpu
