#include "fovea/train/run_folder.h"

#include <cmath>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "fovea/formats/safetensors_tree.h"
#include "fovea/train/checkpoint.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"

namespace fovea::train {
namespace {

using std::filesystem::exists;
using test::message_of;

class RunFolderTest : public test::FolderTest {};
class RunLogTest : public test::FolderTest {};
class CheckpointTest : public test::FolderTest {};

TEST_F(RunFolderTest, NeverWritesIntoAnotherRunUnlessAsked) {
  EXPECT_EQ(RunFolder::create({.folder = path("runs"), .name = "a"}).path(), path("runs/a"));
  EXPECT_EQ(RunFolder::create({.folder = path("runs"), .name = "a"}).path(), path("runs/a-2"));
  EXPECT_EQ(RunFolder::create({.folder = path("runs"), .name = "a"}).path(), path("runs/a-3"));
  const char* of_a_run[] = {
      "metrics.jsonl",
      "layers.jsonl",
      "events.out.tfevents.1",
      "model.safetensors",
      "snapshots/epoch-0001.safetensors",
      "last.safetensors",
      "doctor.json",
      "report.html"};
  for (const char* old : of_a_run) write(std::string("runs/a/") + old, "old");
  write("runs/a/notes.txt", "mine");
  RunFolder again = RunFolder::create({.folder = path("runs"), .name = "a", .overwrite = true});
  EXPECT_EQ(again.path(), path("runs/a"));
  for (const char* old : of_a_run) EXPECT_FALSE(std::filesystem::exists(again.file(old))) << old;
  EXPECT_EQ(read("runs/a/notes.txt"), "mine");
}

TEST_F(RunFolderTest, NeverDeletesWhatTheNewRunBeginsFrom) {
  write("runs/a/model.safetensors", "trained");
  write("runs/a/metrics.jsonl", "old");
  write("elsewhere.safetensors", "trained");
  std::filesystem::create_symlink(path("runs/a/model.safetensors"), path("link.safetensors"));
  std::filesystem::create_directory_symlink(path("runs"), path("also"));
  auto replacing = [&](const std::string& setting, const std::string& file) {
    return NewRun{
        .folder = path("also"), .name = "a", .overwrite = true, .sources = {{setting, file}}};
  };
  std::filesystem::create_symlink(path("elsewhere.safetensors"), path("runs/a/other.safetensors"));
  for (const char* file :
       {"runs/a/model.safetensors",
        "runs/b/../a/model.safetensors",
        "link.safetensors",
        "runs/a/other.safetensors"}) {
    const NewRun run = replacing("model.from", path(file));
    const std::string message = message_of([&] { RunFolder::create(run); });
    EXPECT_HAS(message, "which model.from says to begin from");
    EXPECT_HAS(message, "another --name");
    EXPECT_EQ(message_of([&] { RunFolder::check(run); }), message);
    EXPECT_EQ(read("runs/a/model.safetensors"), "trained") << file;
    EXPECT_EQ(read("runs/a/metrics.jsonl"), "old") << file;
  }
  NewRun beside = replacing("model.init", path("link.safetensors"));
  beside.overwrite = false;
  EXPECT_EQ(RunFolder::create(beside).path(), path("also/a-2"));
  EXPECT_NO_THROW(RunFolder::create(replacing("model.init", path("elsewhere.safetensors"))));
  EXPECT_FALSE(exists(path("runs/a/metrics.jsonl")));
}

TEST_F(RunFolderTest, IsLookedAtBeforeTheWork) {
  write("file", "");
  const NewRun long_name{.folder = path("runs"), .name = std::string(300, 'x')};
  for (bool overwrite : {false, true}) {
    NewRun run = long_name;
    run.overwrite = overwrite;
    EXPECT_HAS(message_of([&] { RunFolder::check(run); }), "choose a shorter --name");
    EXPECT_THROW(RunFolder::check(run), IoError);
    EXPECT_THROW(RunFolder::create(run), IoError);
  }
  EXPECT_HAS(
      message_of([&] { RunFolder::check({.folder = path("file/runs"), .name = "a"}); }),
      "Not a directory; choose another with --set run.folder=DIR");
  EXPECT_NO_THROW(RunFolder::check({.folder = path("new/runs"), .name = "a"}));
  EXPECT_NO_THROW(RunFolder::check({.folder = "runs-that-are-nowhere", .name = "a"}));
  EXPECT_FALSE(exists(path("new")));
}

TEST_F(RunFolderTest, SaysWhatToDoWhenItCannotBeMade) {
  write("file", "");
  EXPECT_HAS(
      message_of([&] { RunFolder::create({.folder = path("file"), .name = "a"}); }),
      "the folder of the run cannot be made: Not a directory; choose another with --set "
      "run.folder=DIR");
}

TEST_F(RunFolderTest, OpensOnlyWhatCanBeResumed) {
  EXPECT_HAS(
      message_of([&] { RunFolder::open(path("none")); }),
      "there is no such folder; give that of a run");
  std::filesystem::create_directories(path("run"));
  EXPECT_HAS(
      message_of([&] { RunFolder::open(path("run")); }),
      "not the folder of a run: it has no recipe.toml");
  write("run/recipe.toml", "");
  EXPECT_HAS(message_of([&] { RunFolder::open(path("run")); }), "it has no last.safetensors");
  write("run/last.safetensors", "");
  write("run/.fovea-123-0.tmp", "left by a process that was killed while it saved");
  EXPECT_NO_THROW(RunFolder::open(path("run")));
  EXPECT_FALSE(std::filesystem::exists(path("run/.fovea-123-0.tmp")));
}

TEST_F(RunLogTest, LinesReadBackAndResumingDropsWhatComesAgain) {
  RunFolder run = RunFolder::create({.folder = path(), .name = "r"});
  {
    RunLog log(run, {});
    for (int64_t step = 1; step <= 5; ++step)
      log.write({"step", 1, step, {{"train_loss", 1.0 / double(step)}, {"lr", NAN}}});
    log.flush();
  }
  std::vector<Metrics> lines = read_metrics(run.file("metrics.jsonl"));
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[2].event, "step");
  EXPECT_EQ(lines[2].epoch, 1);
  EXPECT_EQ(lines[2].step, 3);
  EXPECT_EQ(lines[2].values.at("train_loss"), 1.0 / 3);  // exactly
  EXPECT_TRUE(std::isnan(lines[2].values.at("lr")));
  {
    std::ofstream(run.file("metrics.jsonl"), std::ios::app) << "{\"v\":1,\"event\":\"st";  // cut
    RunLog log(run, Reached{.steps = 3});
    log.write({"step", 1, 4, {}});
    log.flush();
  }
  lines = read_metrics(run.file("metrics.jsonl"));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[3].step, 4);
  EXPECT_TRUE(lines[3].values.empty());
  int events = 0;
  for (const auto& entry : std::filesystem::directory_iterator(run.path()))
    events += entry.path().filename().string().starts_with("events.out.tfevents");
  EXPECT_EQ(events, 2);  // TensorBoard reads them as one
}

// A kill between the line of an epoch and its checkpoint leaves one of the same step, from before.
TEST_F(RunLogTest, ResumingDropsTheLineOfAnEpochThatWillEndAgain) {
  RunFolder run = RunFolder::create({.folder = path(), .name = "r"});
  {
    RunLog log(run, {});
    for (int64_t epoch = 1; epoch <= 2; ++epoch) {
      log.write({"step", epoch, 10 * epoch, {}});
      log.write({"epoch", epoch, 10 * epoch, {}});
    }
    log.write({"end", 2, 20, {}});
    log.flush();
  }
  auto left = [&](Reached reached) {
    RunLog log(run, reached);
    std::string events;
    for (const Metrics& m : read_metrics(run.file("metrics.jsonl")))
      events += m.event + std::to_string(m.epoch) + " ";
    return events;
  };
  EXPECT_EQ(left({.epochs = 2, .steps = 20}), "step1 epoch1 step2 epoch2 ");
  EXPECT_EQ(left({.epochs = 1, .steps = 20}), "step1 epoch1 step2 ");
  EXPECT_EQ(left({.epochs = 1, .steps = 15}), "step1 epoch1 ");
  EXPECT_EQ(left({.epochs = 0, .steps = 10}), "step1 ");
}

TEST_F(CheckpointTest, RoundTripsToTheBit) {
  Checkpoint c{
      .tensors = {{"model/a", test::random_input({3, 4}, 1)}},
      .epoch = 3,
      .batch = 17,
      .step = 1017,
      .seconds = 0.1 + 0.2,
      .best = 2.0 / 3,
      .running = {{"loss", 1.0 / 3}, {"seen", 640}},
      .schedule = {{"best", 1e-300}, {"waited", 2}},
      .threads = 2,
      .arithmetic = "AVX2",
      .data = "10x10-00",
      .version = "0.1.0"};
  save_checkpoint(path("c.safetensors"), c);
  Checkpoint back = load_checkpoint(path("c.safetensors"));
  EXPECT_EQ(fingerprint(back.tensors), fingerprint(c.tensors));
  EXPECT_EQ(back.epoch, 3);
  EXPECT_EQ(back.batch, 17);
  EXPECT_EQ(back.step, 1017);
  EXPECT_EQ(back.seconds, c.seconds);
  EXPECT_EQ(back.best, c.best);
  EXPECT_EQ(back.running, c.running);
  EXPECT_EQ(back.schedule, c.schedule);
  EXPECT_EQ(back.threads, 2);
  EXPECT_EQ(back.arithmetic, "AVX2");
  EXPECT_EQ(back.data, "10x10-00");
  EXPECT_EQ(back.version, "0.1.0");
}

TEST_F(CheckpointTest, RefusesOtherFiles) {
  Tree tree{{"a", test::random_input({2}, 1)}};
  formats::save_safetensors(path("w.safetensors"), tree);
  EXPECT_HAS(
      message_of([&] { load_checkpoint(path("w.safetensors")); }), "not a checkpoint of a run");
  formats::save_safetensors(path("w.safetensors"), tree, {{"fovea_checkpoint", "{\"epoch\":1}"}});
  EXPECT_HAS(
      message_of([&] { load_checkpoint(path("w.safetensors")); }),
      "not the checkpoint of this version");
  EXPECT_THROW(load_checkpoint(path("none")), IoError);
}

}  // namespace
}  // namespace fovea::train
