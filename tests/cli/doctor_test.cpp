// The doctor on the command line.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command.h"
#include "tests/support/expect.h"

namespace fovea::test {
namespace {

class CliDoctor : public CommandTest {};

const std::string run =
    "train --model linear --epochs 3 --batch 20 --set data.limit=600 --set schedule.name=constant "
    "--set optimizer.name=sgd --name r ";

TEST_F(CliDoctor, SpeaksUpInARunAndReadsItsRecord) {
  Outcome o = fovea(run + "--lr 1000 --json");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_HAS(o.err, "problem rate.high");
  const auto j = nlohmann::json::parse(o.out);
  EXPECT_EQ(j.at("findings").at(0).at("id"), "rate.high");

  o = fovea("doctor runs/r --apply better.toml");
  EXPECT_EQ(o.code, 4);
  EXPECT_HAS(o.out, "not healthy; looked at: data, recipe, weights, memory, start, loss");
  EXPECT_HAS(read("better.toml"), "lr = 1e+02");
  EXPECT_HAS(o.err, "recipe     better.toml");
  EXPECT_HAS(fovea("doctor runs/r --lr 1").err, "a run is judged by its record");
  EXPECT_EQ(fovea("doctor runs/r --steps 20").code, 2);

  o = fovea(run + "--lr 1000 --set run.doctor=false --overwrite");
  EXPECT_EQ(o.err.find("rate.high"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path("runs/r/doctor.json")));
}

TEST_F(CliDoctor, SaysNothingOfAHealthyRun) {
  Outcome o = fovea(run + "--lr 0.05");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.err.find(" do: "), std::string::npos) << o.err;
  o = fovea("doctor runs/r --apply same.toml");
  EXPECT_EQ(o.code, 0);
  EXPECT_HAS(o.err, "nothing to change; same.toml is the recipe as it was");
}

TEST_F(CliDoctor, DrawsThePicturesAndForecastsWhatTrainingNeeds) {
  const std::string recipe =
      "doctor --model linear --set data.limit=600 --steps 20 --html d.html --sheet d.png ";
  Outcome o = fovea(recipe);
  EXPECT_HAS(o.out, "forecast: 7.8 k parameters");
  EXPECT_HAS(o.err, "page       d.html");
  EXPECT_HAS(read("d.html"), "What the network is shown");
  EXPECT_EQ(read("d.png").substr(1, 3), "PNG");
  const auto j = nlohmann::json::parse(fovea(recipe + "--json").out);
  EXPECT_EQ(j.at("forecast").at("parameters"), 7850);
  std::filesystem::create_directories(path("empty"));
  EXPECT_HAS(fovea("doctor empty").err, "not a run: it has no recipe.toml");
}

}  // namespace
}  // namespace fovea::test
