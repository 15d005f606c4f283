#include "fovea/backend/instruction_set.h"

#include <stdexcept>

#include <gtest/gtest.h>
#include <hwy/highway.h>

namespace fovea::cpu {
namespace {

TEST(InstructionSet, CanBeLimitedAndFreed) {
  if (!HWY_ARCH_X86) GTEST_SKIP() << "one instruction set is all that this processor's code has";
  const std::string best = instruction_set();
  limit_instruction_set("SCALAR");
  EXPECT_EQ(instruction_set(), "SCALAR");
  EXPECT_TRUE(arithmetic().starts_with("SCALAR, ")) << arithmetic();
  const size_t limited = hwy::GetChosenTarget().GetIndex();  // in tables that have the best first
  limit_instruction_set(best);
  EXPECT_EQ(instruction_set(), best);
  EXPECT_LT(hwy::GetChosenTarget().GetIndex(), limited);
}

TEST(InstructionSet, UnknownNamesAreRefusedWithTheKnownOnes) {
  const std::string before = instruction_set();
  try {
    limit_instruction_set("avx9");
    FAIL();
  } catch (const std::invalid_argument& e) {
    const std::string message = e.what();
    EXPECT_NE(message.find(before), std::string::npos) << message;
    EXPECT_NE(message.find("got avx9"), std::string::npos) << message;
  }
  EXPECT_EQ(instruction_set(), before);
}

}  // namespace
}  // namespace fovea::cpu
