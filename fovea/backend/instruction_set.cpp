#include "fovea/backend/instruction_set.h"

#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <hwy/highway.h>

#include "fovea/backend/conv_rule.h"
#include "fovea/backend/cpu/engine.h"
#include "fovea/core/text.h"

namespace fovea::cpu {

namespace {

int64_t allowed = -1;

// Better sets have lower bits. Every call of hwy::SupportedTargets() frees the kernels of their
// limit, so there is one.
int64_t usable() {
  static const int64_t supported = hwy::SupportedTargets();
  return supported & HWY_TARGETS & allowed;
}

}  // namespace

std::string instruction_set() {
  const int64_t targets = usable();
  return hwy::TargetName(targets & -targets);
}

void limit_instruction_set(std::string_view name) {
  std::vector<std::string> known;
  for (int64_t left = HWY_TARGETS; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    known.emplace_back(hwy::TargetName(target));
    if (known.back() != name) continue;
    allowed = -target;
    const int64_t targets = usable();
    hwy::GetChosenTarget().Update(targets);
    return;
  }
  throw std::invalid_argument(
      fmt::format("[cpu] expected an instruction set of {}, got {}", list_of(known, 99), name));
}

std::string arithmetic() {
  const std::string& tuned = conv_rule_in_use().name;
  return fmt::format(
      "{}, {}, convolution rule {}{}",
      instruction_set(),
      engine_name(),
      conv_rule,
      tuned.empty() ? "" : ", tuned " + tuned);
}

}  // namespace fovea::cpu
