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

TEST_F(CliProfile, TuneWritesARuleThatOtherVerbsFollow) {
  Outcome o = fovea("tune resnet20 --input 8 8 3 --train --batch 2 --rounds 1 --json");
  EXPECT_EQ(o.code, 0) << o.err;
  Json j = Json::parse(o.out);
  EXPECT_EQ(j["file"], "conv-rule.json");
  EXPECT_EQ(j["convolutions"].size(), 10u);
  EXPECT_GT(j["convolutions"][0]["seconds"]["winograd4"], 0);
  o = fovea("tune resnet20 --input 8 8 3 --rounds 1");
  EXPECT_HAS(o.out, "forward");
  EXPECT_HAS(o.out, "--conv-rule conv-rule.json");
  o = fovea("bench resnet20 --input 8 8 3 --steps 1 --conv-rule conv-rule.json");
  EXPECT_EQ(o.code, 0) << o.err;
  o = fovea("bench resnet20 --input 8 8 3 --steps 1", "FOVEA_CONV_RULE=conv-rule.json");
  EXPECT_EQ(o.code, 0) << o.err;
  o = fovea("tune lenet5 --out other.json");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "nothing to choose");
}

TEST_F(CliProfile, ConvRulesThatAreNoneAreRefusedAndKept) {
  write("notes.json", "{}");
  Outcome o = fovea("bench lenet5 --conv-rule notes.json");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "notes.json");
  EXPECT_HAS(o.err, "no convolution rule");
  o = fovea("tune lenet5 --out notes.json");
  EXPECT_EQ(o.code, 3);
  EXPECT_EQ(read("notes.json"), "{}");
  o = fovea("bench lenet5", "FOVEA_CONV_RULE=nowhere.json");
  EXPECT_EQ(o.code, 3);
  EXPECT_HAS(o.err, "fovea tune");
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
