#include "fovea/core/profile.h"

#include <gtest/gtest.h>

#include "fovea/core/node.h"
#include "fovea/ops/create.h"
#include "fovea/ops/elementwise.h"
#include "fovea/ops/shape.h"

namespace fovea {
namespace {

TEST(Profile, RecordsWhatRan) {
  Tensor x = ones({2, 3}), y;
  {
    PathScope path("net.layer1");
    y = x + x;
  }
  Profile profile;
  reshape(y, {6}).eval();
  ASSERT_EQ(profile.rows().size(), 1u);  // a view does not run
  const ProfileRow& row = profile.rows()[0];
  EXPECT_EQ(row.op, "add");
  EXPECT_EQ(row.path, "net.layer1");
  EXPECT_EQ(row.shapes, "(2, 3) x (2, 3) -> (2, 3)");
  EXPECT_EQ(row.bytes, 72);
  EXPECT_GE(row.seconds, 0);
}

TEST(Profile, NestsAndStops) {
  {
    Profile outer;
    exp(ones({2})).eval();
    {
      Profile inner;
      exp(ones({2})).eval();
      EXPECT_EQ(inner.rows().size(), 1u);
    }
    exp(ones({2})).eval();
    EXPECT_EQ(outer.rows().size(), 2u);
    EXPECT_EQ(Profile::active(), &outer);
  }
  EXPECT_EQ(Profile::active(), nullptr);
}

TEST(Profile, TablePutsTheSlowestFirstAndSumsEqualRows) {
  Profile profile;
  profile.record({"fast", "", "(1) -> (1)", 0.001, 0, 0});
  profile.record({"slow", "m", "(2) -> (2)", 0.002, 4e6, 8e6});
  profile.record({"slow", "m", "(2) -> (2)", 0.002, 4e6, 8e6});
  std::string table = profile.table();
  size_t slow = table.find("slow"), fast = table.find("fast");
  ASSERT_NE(slow, std::string::npos);
  ASSERT_NE(fast, std::string::npos);
  EXPECT_LT(slow, fast);
  EXPECT_NE(table.find("4.000  80.0%      2       2.0      4.0  slow"), std::string::npos) << table;
  EXPECT_NE(table.find("5.000 ms in all, 3 ops"), std::string::npos) << table;
  EXPECT_EQ(profile.table(1).find("fast"), std::string::npos);
}

}  // namespace
}  // namespace fovea
