#include <nlohmann/json.hpp>

#include "tests/cli/command.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

class CliProfile : public CommandTest {};

TEST_F(CliProfile, BenchTellsTimeByLayer) {
  Outcome o = fovea("bench lenet5 --steps 2 --html bench.html");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "lenet5, inference, batch 1");
  EXPECT_HAS(o.out, "bound by");
  EXPECT_HAS(read("bench.html"), "operations per byte");
  o = fovea("bench lenet5 --train --batch 4 --steps 2 --json");
  Json j = Json::parse(o.out);
  EXPECT_EQ(j["batch"], 4);
  EXPECT_EQ(j["seconds"].size(), 2u);
  EXPECT_GT(j["layers"].size(), 10u);
  EXPECT_GT(j["machine"]["fma_gflops"], 0);
}

TEST_F(CliProfile, BenchSaysWhatIsWrong) {
  Outcome o = fovea("bench lenet");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "did you mean");
  o = fovea("bench resnet20 --input 0 1 3");
  EXPECT_EQ(o.code, 2);
}

TEST_F(CliProfile, ProfileRunsARecipesOwnSteps) {
  write_photos("photos");
  Outcome o = fovea(
      "profile --data photos --model linear --set train.batch=4 --steps 2 --json --html p.html");
  EXPECT_EQ(o.code, 0) << o.err;
  Json j = Json::parse(o.out);
  EXPECT_EQ(j["batch"], 4);
  EXPECT_TRUE(j["training"]);
  EXPECT_FALSE(exists("runs"));
  EXPECT_TRUE(exists("p.html"));
  o = fovea("profile --data nowhere --model linear");
  EXPECT_EQ(o.code, 3);
}

}  // namespace
}  // namespace fovea::test
