#include <nlohmann/json.hpp>

#include "tests/cli/command.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

class CliPages : public CommandTest {};

TEST_F(CliPages, CompareInitPrintsATableAndWritesAPage) {
  write_photos("photos", 4);
  Outcome o = fovea(
      "compare-init --data photos --model two_layer --rules recipe,small_normal --out i.html");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "small_normal");
  EXPECT_HAS(o.out, "relu");
  EXPECT_HAS(read("i.html"), "</html>");
  EXPECT_FALSE(exists("runs"));
  o = fovea("compare-init --data photos --model two_layer --json -q");
  Json j = Json::parse(o.out);
  EXPECT_EQ(j["initialisers"].size(), 6u);
  EXPECT_EQ(j["initialisers"][0]["layers"].size(), 2u);
  EXPECT_EQ(fovea("compare-init --data photos --rules he").code, 2);
  EXPECT_EQ(fovea("compare-init --data photos --out i.png").code, 2);
}

TEST_F(CliPages, LossSurfaceOfARun) {
  write_photos("photos", 4);
  Outcome o = fovea("train --data photos --model linear --name r --epochs 2 --batch 4 -q");
  ASSERT_EQ(o.code, 0) << o.err;
  o = fovea("loss-surface runs/r --side 3 --pictures 4 --out s.svg");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "s.svg");
  EXPECT_HAS(read("s.svg"), "</svg>");
  o = fovea("loss-surface runs/r --side 3 --pictures 4 --json -q");
  Json j = Json::parse(o.out);
  EXPECT_EQ(j["losses"].size(), 3u);
  EXPECT_EQ(j["file"], "runs/r/report.html");
  EXPECT_EQ(fovea("loss-surface runs/none").code, 3);
  EXPECT_EQ(fovea("loss-surface runs/r --path").code, 2);
  fovea("train --data photos --model knn --name knn -q");
  o = fovea("loss-surface runs/knn --side 3 --pictures 4");
  EXPECT_EQ(o.code, 2);
  EXPECT_HAS(o.err, "a loss surface needs a model that learns by steps; knn is fitted at once");
  const std::string report = read("runs/r/report.html");
  EXPECT_HAS(report, "The layers over time");
  EXPECT_HAS(report, "the template of each class");
  EXPECT_HAS(report, "The loss around the model");
}

TEST_F(CliPages, TrainsOnPointsOfThePlane) {
  Outcome o = fovea(
      "train --data moons --model linear --name r --epochs 3 --set train.looks=0 --loss-surface");
  ASSERT_EQ(o.code, 0) << o.err;
  const std::string report = read("runs/r/report.html");
  for (const char* section :
       {"Where each class is", "How the regions formed", "The loss around the model"})
    EXPECT_HAS(report, section);
  o = fovea("eval runs/r/model.safetensors --data moons");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(fovea("train --resume runs/r --loss-surface").code, 2);
  EXPECT_HAS(fovea("data moons").err, "no pictures");
}

TEST_F(CliPages, ToyDrawsRegions) {
  Outcome o = fovea("toy --data moons --points 40 --epochs 3 --frames 2 --json");
  EXPECT_EQ(o.code, 0) << o.err;
  Json j = Json::parse(o.out);
  EXPECT_EQ(j["points"], 40);
  EXPECT_EQ(j["frames"].size(), 2u);
  EXPECT_HAS(read("toy.html"), "Decision regions");
  write("p.csv", "0,0,a\n1,1,b\n0,1,a\n1,0,b\n");
  o = fovea("toy --data p.csv --model linear --epochs 2 --batch 2 --out p.html");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "of 4 points right after 4 steps");
  EXPECT_EQ(fovea("toy --data p.csv --out p.png").code, 2);
  EXPECT_HAS(fovea("toy --data moon").err, "did you mean \"moons\"?");
  EXPECT_EQ(fovea("toy --data none.csv").code, 3);
}

}  // namespace
}  // namespace fovea::test
