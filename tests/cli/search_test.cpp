// fovea search and fovea cross-validate as shells run them.
#include <nlohmann/json.hpp>

#include "tests/cli/command.h"

namespace fovea::test {
namespace {

using Json = nlohmann::json;

class CliSearch : public CommandTest {
 protected:
  const std::string tiny_ =
      " --data digits --model linear --batch 20 --set data.limit=120 --set data.workers=0 "
      "--threads 1 ";
  const std::string search_ = "search" + tiny_ + "--vary optimizer.lr=log:1e-4:1e-1 ";
};

TEST_F(CliSearch, WritesARecipeThatTrains) {
  Outcome o = fovea(search_ + "--epochs 3 --trials 4 --stages 1 --name tiny");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "runs/tiny-search/best.toml");
  EXPECT_HAS(o.err, "stage 1, 3 epochs: optimizer.lr=log:0.0001:0.1");
  EXPECT_HAS(o.err, "4 trials in ");
  o = fovea("train runs/tiny-search/best.toml -q");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "runs/tiny-best/model.safetensors");
  o = fovea(
      search_ + "--epochs 3 --trials 4 --stages 1 --name tiny -q --json");  // nothing left to do
  const Json j = Json::parse(o.out);
  EXPECT_EQ(j.at("trials").size(), 4u);
  EXPECT_EQ(j.at("best").at("recipe"), "runs/tiny-search/best.toml");
  EXPECT_GT(j.at("best").at("score"), 0.2);
}

TEST_F(CliSearch, AKillLosesNothing) {
  const std::string words = search_ + "--epochs 6 --trials 8 -q --json ";
  const Outcome straight = fovea(words + "--out straight");
  ASSERT_EQ(straight.code, 0) << straight.err;
  Outcome o = fovea_with(words + "--out killed", [&](pid_t child) {
    EXPECT_TRUE(wait_for("killed/trials/0002/recipe.toml"));
    ::kill(child, SIGKILL);
  });
  EXPECT_EQ(o.code, 128 + SIGKILL);
  o = fovea(words + "--out killed");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(Json::parse(o.out).at("trials"), Json::parse(straight.out).at("trials"));
}

TEST_F(CliSearch, CrossValidatesOverAKey) {
  Outcome o = fovea(
      "cross-validate" + tiny_ +
      "--epochs 1 --folds 2 --over optimizer.lr=0.001,0.01 --name tiny --chart folds.svg");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.out, "best optimizer.lr: ");
  EXPECT_HAS(o.out, "runs/tiny-folds/report.html");
  EXPECT_HAS(read("folds.svg"), "<svg");
}

TEST_F(CliSearch, NearestNeighboursHaveNoEpochs) {
  const Outcome o = fovea(
      "cross-validate --data digits --model knn --set data.limit=120 --set data.workers=0 "
      "--threads 1 --folds 2 --over knn.k=1,5 --name near");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.err, "stage 1: ");
  EXPECT_HAS(o.err, "fitted at once  ");
  EXPECT_EQ(o.err.find("epoch"), std::string::npos) << o.err;
}

TEST_F(CliSearch, MistakesAreCodeTwo) {
  const std::pair<std::string, const char*> cases[] = {
      {"search", "nothing to vary"},
      {search_, "the budget is empty: give a time, such as --budget 30m"},
      {search_ + "--budget soon", "--budget: expected a time such as 30m, 90s or 1h30m"},
      {search_ + "--budget 0s", "--budget: expected a time"},
      {search_ + "--trials 2 --vary optimizer.lrr=log:1:2", "unknown key \"optimizer.lrr\""},
      {search_ + "--trials 2 --vary train.epoch=1,2", "did you mean \"train.epochs\"?"},
      {search_ + "--trials 2 --vary train.batch=uniform:64:16", "the ends are swapped"},
      {"cross-validate --folds 2 --over train.batch", "--over: expected KEY=A,B,C"},
      {"cross-validate --folds 2 --over optimizer.lr=log:1:2", "expected values with commas"},
  };
  for (const auto& [words, message] : cases) {
    const Outcome o = fovea(words);
    EXPECT_EQ(o.code, 2) << words << o.err;
    EXPECT_HAS(o.err, message);
  }
  EXPECT_FALSE(exists("runs"));
}

}  // namespace
}  // namespace fovea::test
