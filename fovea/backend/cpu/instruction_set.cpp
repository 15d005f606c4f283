#include "fovea/backend/cpu/instruction_set.h"

#include <fmt/format.h>
#include <hwy/highway.h>

#include "fovea/backend/cpu/engine.h"

namespace fovea::cpu {

std::string instruction_set() {
  int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  return hwy::TargetName(targets & -targets);  // the lowest bit is the best
}

std::string arithmetic() {
  return fmt::format("{}, {}, convolution rule {}", instruction_set(), engine_name(), conv_rule);
}

}  // namespace fovea::cpu
