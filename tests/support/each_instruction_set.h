#pragma once

#include <string>

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include "fovea/core/device.h"

namespace fovea::test {

// For kernels whose width of vectors decides how work is cut; for every other one instruction set
// is enough.
class EachInstructionSet : public testing::Test {
 protected:
  ~EachInstructionSet() override {
    set_threads(threads_);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }

  // Calls f() by each instruction set of this machine, with one thread and with three.
  template <class F>
  void for_each_set(F f) {
    for (int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
      const int64_t target = left & -left;
      if ((target & HWY_TARGETS) == 0) continue;
      hwy::GetChosenTarget().Update(target);
      for (int count : {1, 3}) {
        set_threads(count);
        SCOPED_TRACE(
            std::string(hwy::TargetName(target)) + ", " + std::to_string(count) + " threads");
        f();
      }
    }
  }

 private:
  int threads_ = threads();
};

}  // namespace fovea::test
