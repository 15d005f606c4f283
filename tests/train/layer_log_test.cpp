#include "fovea/train/layer_log.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/train/layer_report.h"
#include "tests/report/check_markup.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

using test::message_of;

class LayerLogTest : public test::FolderTest {};

SignalStats stats(const std::string& name, const std::string& op) {
  SignalStats s{.name = name, .op = op, .mean = 0.5, .std = 0.25, .zero = 0.125};
  s.gradient_std = 1e-5;
  s.values = {-1, 1, std::vector<double>(histogram_bins, 0.0)};
  s.values.shares[3] = 0.9;
  s.values.shares[4] = 0.1;
  s.gradient = {gradient_low, gradient_high, s.values.shares};
  return s;
}

LayerRecord record(int64_t step) {
  LayerRecord r{.step = step, .loss = 2.5};
  r.activations = {stats("a <1>", "relu"), stats("scores", "")};
  r.activations[0].dead = 0.5;
  r.weights = {stats("a.weight", "")};
  r.ratios = {1e-3};
  r.drifts = {{"norm", 0.5, 1.5}};
  return r;
}

TEST_F(LayerLogTest, RecordsReadBack) {
  append_layer_record(path("l.jsonl"), record(0));
  LayerRecord odd = record(7);
  odd.ratios = {NAN};
  odd.weights[0].values = {};
  append_layer_record(path("l.jsonl"), odd);
  std::ofstream(path("l.jsonl"), std::ios::app) << "{\"v\":1,\"st";  // cut short
  const std::vector<LayerRecord> back = read_layer_records(path("l.jsonl"));
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(back[0].step, 0);
  EXPECT_EQ(back[0].loss, 2.5);
  EXPECT_EQ(back[0].activations[0].name, "a <1>");
  EXPECT_EQ(back[0].activations[0].op, "relu");
  EXPECT_EQ(back[0].activations[0].dead, 0.5);
  EXPECT_EQ(back[0].activations[0].zero, 0.125);
  EXPECT_NEAR(back[0].activations[0].values.shares[3], 0.9, 0.01);
  EXPECT_NEAR(back[0].weights[0].gradient_std, 1e-5, 1e-12);
  EXPECT_NEAR(back[0].ratios[0], 1e-3, 1e-9);
  EXPECT_EQ(back[0].drifts.at(0).log_var, 1.5);
  EXPECT_EQ(
      vital_signs(record(0)),
      (std::map<std::string, double>{
          {"update/a.weight", 1e-3}, {"dead/a <1>", 0.5}, {"drift/norm", 1.5}}));
  EXPECT_TRUE(std::isnan(back[1].ratios[0]));
  EXPECT_TRUE(back[1].weights[0].values.shares.empty());
}

TEST_F(LayerLogTest, RefusesOtherFiles) {
  write("l.jsonl", "{\"v\":1,\"step\":0}\n");
  EXPECT_HAS(
      message_of([&] { read_layer_records(path("l.jsonl")); }),
      "line 1 is no record of the layers of a run");
  write("l.jsonl", "not json\n{}\n");
  EXPECT_THROW(read_layer_records(path("l.jsonl")), IoError);
  EXPECT_THROW(read_layer_records(path("none")), IoError);
  std::string line =
      "{\"v\":1,\"step\":0,\"loss\":1,\"activations\":[{\"name\":\"a\",\"values\":{"
      "\"low\":0,\"high\":1,\"bins\":[1,2]},\"gradient\":{\"low\":0,\"high\":1,"
      "\"bins\":[]}}],\"weights\":[]}\n";
  write("l.jsonl", line);
  EXPECT_HAS(message_of([&] { read_layer_records(path("l.jsonl")); }), "expected 40 bins");
}

TEST_F(LayerLogTest, ARunLooksAtItsLayersAndTrainsTheSame) {
  auto run = [&](const char* name, const char* looks) {
    return train(small_recipe(path(), {{"run.name", name}, {"train.looks", looks}})).folder;
  };
  const std::string with = run("with", "5"), without = run("without", "0");
  EXPECT_EQ(bits_of(with), bits_of(without));
  EXPECT_FALSE(std::filesystem::exists(without + "/layers.jsonl"));
  const std::vector<LayerRecord> records = read_layer_records(with + "/layers.jsonl");
  ASSERT_EQ(records.size(), 2u);  // a fiftieth of 30 steps, but two at least
  EXPECT_EQ(records[0].step, 0);
  EXPECT_EQ(records[1].step, 29);
  EXPECT_LT(records[1].loss, records[0].loss);
  ASSERT_EQ(records[1].weights.size(), 2u);
  for (double ratio : records[0].ratios) EXPECT_GT(ratio, 1e-7);
  EXPECT_HAS(read("with/report.html"), "The layers over time");
  EXPECT_TRUE(report::stands_alone(read("with/report.html")));
  EXPECT_EQ(read("without/report.html").find("The layers over time"), std::string::npos);
}

// The records of a run that was stopped are those of one that was not.
TEST_F(LayerLogTest, ResumingGoesOnWithTheLog) {
  const auto recipe = [&](const char* name) {
    return small_recipe(path(), {{"run.name", name}, {"data.limit", "400"}});
  };
  const std::string whole = train(recipe("whole")).folder;
  int64_t steps = 0;
  Watch watch;
  watch.at_step = [&](const StepReport& r) { steps = r.step; };
  const TrainResult half = train(
      recipe("half"),
      {.observer = &watch, .signal = [&] { return steps == 31 ? Signal::stop : Signal::go_on; }});
  ASSERT_TRUE(half.interrupted);
  append_layer_record(half.folder + "/layers.jsonl", record(40));  // from beyond the checkpoint
  std::filesystem::copy(path("half"), path("damaged"));
  resume(half.folder);
  EXPECT_EQ(read("half/layers.jsonl"), read("whole/layers.jsonl"));
  write("damaged/layers.jsonl", "no record\n" + read("damaged/layers.jsonl"));
  resume(path("damaged"));
  ASSERT_EQ(read_layer_records(path("damaged/layers.jsonl")).size(), 1u);  // the last
}

// What was seen before a checkpoint is in the log when that is on disk.
TEST_F(LayerLogTest, NoCheckpointIsAheadOfTheLog) {
  int64_t steps = 0;
  bool logged = false;
  train(
      small_recipe(path(), {{"run.name", "r"}, {"train.batch", "3"}, {"train.epochs", "1"}}),
      {.signal = [&] {
        ++steps;
        if (steps == 2) logged = read("r/metrics.jsonl").find("\"look\"") != std::string::npos;
        return steps == 1 ? Signal::save : Signal::go_on;
      }});
  EXPECT_GE(steps / 20, 3);  // else the second step is written at once
  EXPECT_TRUE(logged);
}

TEST(LayerReport, DrawsEveryKindOfHistogram) {
  report::HtmlReport html("t");
  add_layers_over_time(html, {record(0)});
  EXPECT_EQ(report::count(html.html(), "<svg"), 0);  // one look is no course
  LayerRecord bare = record(9);  // a layer that was not there, and one without values
  bare.activations.erase(bare.activations.begin());
  add_layers_over_time(html, {bare, record(0), record(100)});
  const std::string page = html.html();
  for (const char* title :
       {"Activations",
        "Gradients of the activations",
        "Weights",
        "Gradients of the weights",
        "Update / weight",
        "Dead or saturated"})
    EXPECT_HAS(page, "<title>" + std::string(title) + "</title>");
  EXPECT_TRUE(report::stands_alone(page));
  EXPECT_HAS(page, "a &lt;1&gt;");
  EXPECT_HAS(page, "dead 50 %");
  EXPECT_EQ(report::count(page, "nan"), 0);
}

}  // namespace
}  // namespace fovea::train
