// A run that was stopped and goes on ends with the same bits as one that never stopped.
#include <csignal>
#include <cstdlib>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "fovea/core/errors.h"
#include "tests/support/check_op.h"
#include "tests/support/expect.h"
#include "tests/support/folder.h"
#include "tests/train/training.h"

namespace fovea::train {
namespace {

class ResumeTest : public test::FolderTest {
 protected:
  // 11 steps in each of 3 epochs: 240 digits, of which 24 are kept for validation.
  TrainResult train_to(const std::string& name, int workers, int64_t stop_after) {
    TrainOptions o;
    int64_t steps = 0;
    o.signal = [&] { return ++steps == stop_after ? Signal::stop : Signal::go_on; };
    return train(recipe(name, workers), o);
  }
  Config recipe(const std::string& name, int workers) const {
    return small_recipe(path(), {{"run.name", name}, {"data.workers", std::to_string(workers)}});
  }
  const Bits& straight() {
    if (straight_.last.empty()) {
      train(recipe("straight", 1));
      straight_ = bits_of(path("straight"));
    }
    return straight_;
  }

 private:
  Bits straight_;
};

class ResumeWith : public ResumeTest, public testing::WithParamInterface<int> {};

TEST_P(ResumeWith, AStopInTheMiddleOfAnEpochChangesNothing) {
  TrainResult first = train_to("stopped", GetParam(), 16);
  EXPECT_TRUE(first.interrupted);
  EXPECT_EQ(first.steps, 16);
  TrainResult rest = resume(path("stopped"));
  EXPECT_FALSE(rest.interrupted);
  EXPECT_EQ(rest.steps, 30);
  EXPECT_EQ(bits_of(path("stopped")), straight());
}

INSTANTIATE_TEST_SUITE_P(Workers, ResumeWith, testing::Values(0, 1, 4));

// Stopped after every few steps, at epoch ends too, with another number of workers each time.
TEST_F(ResumeTest, ManyStopsChangeNothing) {
  TrainOptions o;
  int64_t steps = 0;
  o.signal = [&] { return ++steps % 5 == 0 ? Signal::stop : Signal::go_on; };
  TrainResult r = train(recipe("stopped", 1), o);
  for (int session = 0; r.interrupted; ++session) {
    ASSERT_LT(session, 12);
    r = resume(path("stopped"), o);
  }
  EXPECT_EQ(bits_of(path("stopped")), straight());
  std::vector<Metrics> a = read_metrics(path("straight/metrics.jsonl")),
                       b = read_metrics(path("stopped/metrics.jsonl"));
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].event, b[i].event) << i;
    EXPECT_EQ(a[i].step, b[i].step) << i;
    for (const char* name :
         {"train_loss", "train_top1", "lr", "val_loss", "val_top1", "test_top1"}) {
      ASSERT_EQ(a[i].values.contains(name), b[i].values.contains(name)) << i << name;
      if (a[i].values.contains(name)) {
        EXPECT_EQ(a[i].values.at(name), b[i].values.at(name)) << i << name;
      }
    }
  }
}

// As a search does, which judges nothing on the test split.
TEST_F(ResumeTest, TrainingUpToAnEpochAndOnChangesNothing) {
  TrainResult r = train(recipe("parts", 1), {.until_epoch = 1});
  EXPECT_TRUE(r.interrupted);
  EXPECT_EQ(r.steps, 10);
  EXPECT_FALSE(r.test.has_value());
  r = resume(path("parts"), {.until_epoch = 3});
  EXPECT_EQ(r.steps, 30);
  EXPECT_TRUE(r.interrupted);
  EXPECT_FALSE(std::filesystem::exists(path("parts/report.html")));
  EXPECT_TRUE(resume(path("parts")).test.has_value());
  EXPECT_EQ(bits_of(path("parts")), straight());
}

// The plateau schedule has a state of its own, and SGD's momentum has none at first.
TEST_F(ResumeTest, SchedulesWithAStateGoOnToo) {
  auto config = [&](const char* name) {
    return small_recipe(
        path(),
        {{"run.name", name},
         {"optimizer.name", "sgd"},
         {"optimizer.momentum", "0.9"},
         {"schedule.name", "plateau"}});
  };
  train(config("straight"));
  for (int64_t stop : {3, 10, 12}) {
    std::string name = "stopped" + std::to_string(stop);
    TrainOptions o;
    int64_t steps = 0;
    o.signal = [&] { return ++steps == stop ? Signal::stop : Signal::go_on; };
    train(config(name.c_str()), o);
    resume(path(name));
    EXPECT_EQ(bits_of(path(name)), bits_of(path("straight"))) << stop;
  }
}

// The child of the test below: trains, and kills itself two steps after a checkpoint.
TEST(KilledChild, DISABLED_TrainsUntilItIsKilled) {
  const char* folder = std::getenv("FOVEA_TEST_KILL_FOLDER");
  ASSERT_NE(folder, nullptr);
  TrainOptions o;
  int64_t steps = 0;
  o.signal = [&] {
    if (++steps == 14) ::kill(::getpid(), SIGKILL);
    return Signal::go_on;
  };
  train(
      small_recipe(
          folder,
          {{"run.name", "killed"},
           {"data.workers", std::getenv("FOVEA_TEST_KILL_WORKERS")},
           {"train.save_steps", "4"}}),
      o);
}

TEST_P(ResumeWith, AKillAfterACheckpointChangesNothing) {
  std::string workers = std::to_string(GetParam());
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::setenv("FOVEA_TEST_KILL_FOLDER", path().c_str(), 1);
    ::setenv("FOVEA_TEST_KILL_WORKERS", workers.c_str(), 1);
    ::execl(
        "/proc/self/exe",
        "train_tests",
        "--gtest_filter=KilledChild.*",
        "--gtest_also_run_disabled_tests",
        "--gtest_brief=1",
        nullptr);
    ::_exit(127);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  Watch watch;
  TrainResult r = resume(path("killed"), {.observer = &watch});
  ASSERT_FALSE(watch.notes.empty());
  EXPECT_HAS(watch.notes.back(), "resumed after step 12, epoch 2");
  EXPECT_EQ(r.steps, 30);
  EXPECT_EQ(bits_of(path("killed")), straight());
}

// A file size limit stands for a full disk. The old checkpoint stays whole, and with room again the
// run goes on from it to the same bits.
TEST_F(ResumeTest, AFullDiskLosesNothing) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  std::string whole;
  Watch watch;
  watch.at_step = [&](const StepReport& r) {
    if (r.step != 14) return;
    whole = read("full/last.safetensors");
    rlimit small = before;
    small.rlim_cur = 8192;
    ::setrlimit(RLIMIT_FSIZE, &small);
  };
  Config config = recipe("full", 1);
  config.set("train.save_steps", "4", "test");
  std::string message;
  try {
    train(config, {.observer = &watch});
  } catch (const IoError& e) {
    message = e.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_HAS(message, "last.safetensors: cannot be written");
  ASSERT_FALSE(whole.empty());
  EXPECT_EQ(read("full/last.safetensors"), whole);
  for (const auto& entry : std::filesystem::directory_iterator(path("full")))
    EXPECT_EQ(entry.path().filename().string().find("tmp"), std::string::npos) << entry.path();
  EXPECT_EQ(resume(path("full")).steps, 30);
  EXPECT_EQ(bits_of(path("full")), straight());
}

// A kill between the line of an epoch and its checkpoint: the older checkpoint, of the epoch's last
// step, is put back.
TEST_F(ResumeTest, NoLineOfTheLogComesTwice) {
  straight();
  train_to("killed", 1, 10);
  std::string older = read("killed/last.safetensors");
  TrainOptions o;
  o.signal = [] { return Signal::stop; };
  EXPECT_EQ(resume(path("killed"), o).steps, 11);  // one step of the second epoch
  write("killed/last.safetensors", older);
  resume(path("killed"));
  resume(path("killed"));  // which only judges the finished run again
  auto events = [&](const std::string& run) {
    std::string text;
    for (const Metrics& m : read_metrics(path(run + "/metrics.jsonl")))
      text += m.event + std::to_string(m.step) + " ";
    return text;
  };
  EXPECT_EQ(events("killed"), events("straight"));
}

TEST_F(ResumeTest, OtherDataIsRefusedAndAFinishedRunOnlyJudgedAgain) {
  train(recipe("run", 1));
  Bits bits = bits_of(path("run"));
  TrainResult again = resume(path("run"));
  EXPECT_EQ(again.steps, 30);
  EXPECT_TRUE(again.test.has_value());
  EXPECT_EQ(bits_of(path("run")), bits);

  std::string recipe_text = read("run/recipe.toml");
  size_t at = recipe_text.find("limit = 240");
  ASSERT_NE(at, std::string::npos);
  write("run/recipe.toml", recipe_text.replace(at, 11, "limit = 260"));
  EXPECT_HAS(
      test::message_of([&] { resume(path("run")); }),
      "the training data is not what the run began with");
}

}  // namespace
}  // namespace fovea::train
