// The doctor inside short runs.
#include "fovea/doctor/attendant.h"

#include <limits>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/train/trainer.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::doctor {
namespace {

class AttendantTest : public test::FolderTest {
 protected:
  train::Config config(const std::map<std::string, std::string>& changes) const {
    train::Config c = train::recipe_config();
    c.read_toml_text(
        R"(
[model]
name = "layers"
[[model.layers]]
type = "conv"
out = 6
stride = 4
norm = "batch"
act = "relu"
[[model.layers]]
type = "flatten"
[[model.layers]]
type = "linear"
out = 16
act = "tanh"
[[model.layers]]
type = "linear"
out = 10
)",
        "test.toml");
    const std::map<std::string, std::string> settings{
        {"run.folder", path()},
        {"run.name", "run"},
        {"data.limit", "600"},
        {"data.workers", "0"},
        {"train.batch", "30"},
        {"train.epochs", "6"},
        {"optimizer.lr", "0.003"}};
    for (const auto& [key, value] : settings) c.set(key, value, "test");
    for (const auto& [key, value] : changes) c.set(key, value, "test");
    return c;
  }

  // Trains, at most so many steps; the ids that were told while it did.
  std::string told(
      const std::map<std::string, std::string>& changes,
      int64_t most = std::numeric_limits<int64_t>::max()) {
    std::string ids;
    Attendant attendant([&](const Findings& findings) {
      for (const Finding& f : findings) ids += f.id + " ";
    });
    try {
      result_ = train::train(config(changes), {.examiner = &attendant, .signal = [&] {
                                                 return --most > 0 ? train::Signal::go_on
                                                                   : train::Signal::stop;
                                               }});
    } catch (const NonFiniteError& e) {
      error_ = e.what();
    }
    return ids;
  }
  std::string ids_of(const Diagnosis& d) const {
    std::string ids;
    for (const Finding& f : d.findings) ids += f.id + " ";
    return ids;
  }
  std::map<std::string, double> last_look() const {
    std::map<std::string, double> values;
    for (const train::Metrics& m : train::read_metrics(path("run/metrics.jsonl")))
      if (m.event == "look") values = m.values;
    return values;
  }

  train::TrainResult result_;
  std::string error_;
};

TEST_F(AttendantTest, SaysNothingOfAHealthyRunAndWritesThat) {
  EXPECT_EQ(told({}), "");
  ASSERT_TRUE(result_.remarks.has_value());
  for (const train::Remark& r : *result_.remarks) EXPECT_EQ(r.severity, "note") << r.id << r.saw;
  EXPECT_HAS(read("run/report.html"), "What the doctor says");
  const RunFile file = read_run_file(path("run/doctor.json"));
  EXPECT_TRUE(file.before.healthy() && file.run.healthy());
  EXPECT_EQ(file.before.checked.size(), 5u);
  EXPECT_EQ(file.run.checked.size(), 5u);
  ASSERT_TRUE(file.before.forecast);
  EXPECT_GT(file.before.forecast->peak(), file.before.forecast->weights);
  const auto look = last_look();
  for (const char* name : {"update/0.conv.weight", "update/2.0.weight", "dead/0.bn", "drift/0.bn"})
    EXPECT_TRUE(look.contains(name)) << name;
  EXPECT_TRUE(examine_run(path("run")).healthy());
}

TEST_F(AttendantTest, LeavesTheRunAsItIs) {
  told({{"train.epochs", "2"}});
  EXPECT_EQ(told({{"train.epochs", "2"}, {"run.name", "off"}, {"run.doctor", "false"}}), "");
  EXPECT_FALSE(result_.remarks.has_value());
  EXPECT_FALSE(std::filesystem::exists(path("off/doctor.json")));
  EXPECT_EQ(read("run/model.safetensors"), read("off/model.safetensors"));
  auto last = [&](const char* run) {
    return fingerprint(formats::load_safetensors(path(run) + "/last.safetensors").tensors);
  };
  EXPECT_EQ(last("run"), last("off"));
}

TEST_F(AttendantTest, NeitherNamesNorAFileItCannotWriteKeepARunFromTraining) {
  const Finding odd{"data.odd", Severity::warning, 1, "caf\xe9.png is odd", "look at it"};
  write_run_file(path("odd.json"), {.before = {.findings = {odd}}});
  EXPECT_EQ(
      read_run_file(path("odd.json")).before.findings.at(0).saw, "caf\xef\xbf\xbd.png is odd");
  EXPECT_HAS(json_of({.findings = {odd}}), "is odd");

  const train::Recipe recipe(config({}));
  train::Setup setup = train::set_up(recipe);
  const auto run = train::RunFolder::create({.folder = path(), .name = "run"});
  std::filesystem::create_directories(run.file("doctor.json"));
  Attendant attendant({});
  EXPECT_NO_THROW(attendant.before(run, recipe, setup, {}));
}

TEST_F(AttendantTest, TellsBeforeTheFirstStepWhatItFinds) {
  EXPECT_EQ(told({{"train.batch", "2"}, {"train.max_seconds", "0.1"}}), "batch.norm ");
  EXPECT_HAS(read("run/report.html"), "batch norm takes its statistics from batches of 2");
  EXPECT_HAS(ids_of(examine_run(path("run"))), "batch.norm");
}

TEST_F(AttendantTest, TellsOfARunThatBreaksOff) {
  const std::map<std::string, std::string> wild{
      {"model.name", "lenet5"},
      {"optimizer.name", "sgd"},
      {"optimizer.lr", "1e30"},
      {"schedule.name", "constant"}};
  EXPECT_EQ(told(wild), "rate.high ");
  EXPECT_HAS(error_, "was not finite at step");
  EXPECT_HAS(error_, " from ");  // the ranges of the op's inputs
  const Diagnosis d = examine_run(path("run"));
  ASSERT_EQ(ids_of(d), "rate.high ");
  EXPECT_HAS(d.findings[0].saw, "The batch: digits/train");
  EXPECT_EQ(d.findings[0].changes.at(0).second, "1e+29");
  for (const char* text : {"It broke off after step", "was not finite", "rate.high"})
    EXPECT_HAS(read("run/report.html"), text);
}

TEST_F(AttendantTest, TellsOfARunThatIsStoppedAndOfTheRestWhenItGoesOn) {
  // A warning, which is told in the end alone.
  const std::map<std::string, std::string> steady{
      {"optimizer.lr", "3e-7"}, {"schedule.name", "constant"}, {"train.epochs", "4"}};
  EXPECT_EQ(told(steady, 50), "rate.low ");
  EXPECT_TRUE(result_.interrupted);
  ASSERT_TRUE(result_.remarks.has_value());
  EXPECT_EQ(result_.remarks->at(0).id, "rate.low");
  EXPECT_FALSE(read_run_file(path("run/doctor.json")).run.healthy());
  for (const char* text : {"It was stopped after step 50 of 72", "--resume", "rate.low"})
    EXPECT_HAS(read("run/report.html"), text);
  std::string ids;
  Attendant attendant([&](const Findings& findings) { ids += findings.front().id; });
  EXPECT_FALSE(train::resume(path("run"), {.examiner = &attendant}).interrupted);
  EXPECT_EQ(ids, "rate.low");
  EXPECT_EQ(read("run/report.html").find("It was stopped"), std::string::npos);
}

TEST_F(AttendantTest, TellsOfARunStoppedAtOnce) {
  EXPECT_EQ(told({}, 1), "");
  EXPECT_TRUE(result_.interrupted);
  EXPECT_HAS(read("run/report.html"), "It was stopped after step 1 of 108");
  EXPECT_TRUE(examine_run(path("run")).healthy());
}

TEST_F(AttendantTest, TellsOfARateThatIsFarOff) {
  const std::map<std::string, std::string> sgd{
      {"optimizer.name", "sgd"}, {"schedule.name", "constant"}, {"train.epochs", "3"}};
  auto with = [&](const char* lr) {
    auto all = sgd;
    all["optimizer.lr"] = lr;
    return told(all);
  };
  EXPECT_TRUE(with("1e-8").starts_with("rate.low")) << ids_of(examine_run(path("run")));
  EXPECT_TRUE(with("100").starts_with("rate.high")) << ids_of(examine_run(path("run-2")));
}

TEST_F(AttendantTest, TellsOfAProblemAsSoonAsAnEpochShowsItAndOnce) {
  int64_t told_at = 0, times = 0, step = 0;
  Attendant attendant([&](const Findings& findings) {
    for (const Finding& f : findings)
      if (f.id == "rate.high" && ++times == 1) told_at = step;
  });
  train::train(
      config({{"optimizer.name", "sgd"}, {"optimizer.lr", "100"}, {"schedule.name", "constant"}}),
      {.examiner = &attendant, .signal = [&] {
         ++step;
         return train::Signal::go_on;
       }});
  EXPECT_EQ(times, 1);
  EXPECT_EQ(told_at, 18);  // of 108
}

TEST_F(AttendantTest, TellsOfARunThatLearnsByHeart) {
  const std::string ids = told(
      {{"data.limit", "100"},
       {"data.val", "0.5"},
       {"train.batch", "10"},
       {"train.epochs", "20"},
       {"optimizer.lr", "0.01"}});
  EXPECT_HAS(ids, "fit.over");
}

TEST_F(AttendantTest, RefusesAFolderThatIsNoRun) {
  EXPECT_THROW(examine_run(path()), IoError);
  for (const char* record : {"", "not a record\n"}) {
    write("empty/recipe.toml", "");
    write("empty/metrics.jsonl", record);
    EXPECT_THROW(examine_run(path("empty")), IoError);
  }
  write("run/doctor.json", "{\"v\": 1,");
  EXPECT_TRUE(read_run_file(path("run/doctor.json")).before.checked.empty());
}

}  // namespace
}  // namespace fovea::doctor
