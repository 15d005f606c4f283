// Stopping a run from outside.
#include "fovea/core/tree.h"
#include "fovea/formats/safetensors_tree.h"
#include "tests/cli/command.h"

namespace fovea::test {
namespace {

class Signals : public CommandTest {
 protected:
  const std::string run_ =
      "train --model lenet5 --epochs 4 --batch 20 --set data.limit=400 --set train.save_steps=5 "
      "--name ";

  std::string bits_of(const std::string& run) const {
    return fingerprint(
               formats::load_safetensors(path("runs/" + run + "/last.safetensors")).tensors) +
           fingerprint(
               formats::load_safetensors(path("runs/" + run + "/model.safetensors")).tensors);
  }
  // Sends a signal once the first checkpoint is there.
  std::function<void(pid_t)> send(int number, const std::string& run, int64_t delay_ms = 0) const {
    return [this, number, run, delay_ms](pid_t child) {
      EXPECT_TRUE(wait_for("runs/" + run + "/last.safetensors"));
      std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
      ::kill(child, number);
    };
  }
};

TEST_F(Signals, InterruptAndTerminateCheckpointAndLeaveResumable) {
  ASSERT_EQ(fovea(run_ + "straight -q").code, 0);
  for (auto [number, code] : {std::pair{SIGINT, 130}, {SIGTERM, 143}}) {
    std::string name = "stopped" + std::to_string(number);
    Outcome o = fovea_with(run_ + name, send(number, name));
    EXPECT_EQ(o.code, code) << o.err;
    EXPECT_EQ(o.out, "runs/" + name + "\n");
    EXPECT_HAS(o.err, "`fovea train --resume runs/" + name + "` goes on");
    EXPECT_TRUE(exists("runs/" + name + "/report.html"));
    o = fovea("train --resume runs/" + name);
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_HAS(o.err, "resumed after step");
    EXPECT_EQ(bits_of(name), bits_of("straight"));
  }
}

// Whenever it hits, a checkpoint half written included.
TEST_F(Signals, AKillAtAnyMomentLosesAtMostTheStepsSinceTheCheckpoint) {
  ASSERT_EQ(fovea(run_ + "straight -q").code, 0);
  for (int64_t delay : {0, 17, 61}) {
    std::string name = "killed" + std::to_string(delay);
    Outcome o = fovea_with(run_ + name + " -q", send(SIGKILL, name, delay));
    EXPECT_EQ(o.code, 128 + SIGKILL);
    o = fovea("train -q --resume runs/" + name);
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_EQ(bits_of(name), bits_of("straight")) << delay;
  }
}

// In an epoch of thousands of steps, so that no other checkpoint comes meanwhile.
TEST_F(Signals, UserSignalSavesAndGoesOn) {
  Outcome o =
      fovea_with("train --model lenet5 --batch 4 --epochs 1 --name saved", [&](pid_t child) {
        EXPECT_TRUE(wait_for("runs/saved/metrics.jsonl"));
        ::kill(child, SIGUSR1);
        EXPECT_TRUE(wait_for("runs/saved/last.safetensors"));
        EXPECT_EQ(::kill(child, 0), 0);  // it goes on
        ::kill(child, SIGINT);
      });
  EXPECT_EQ(o.code, 130);
  EXPECT_HAS(o.err, "stopped after step");
}

// The steps of this run take long, so the first signal is still waiting when the second comes.
TEST_F(Signals, ASecondSignalAborts) {
  Outcome o = fovea_with(
      "train --model resnet18 --batch 64 --epochs 1 --set data.limit=200 --set data.height=96 "
      "--set data.workers=0 --name slow",
      [&](pid_t child) {
        EXPECT_TRUE(wait_for("runs/slow/metrics.jsonl"));
        ::kill(child, SIGINT);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        ::kill(child, SIGINT);
      });
  EXPECT_EQ(o.code, 130);
  EXPECT_EQ(o.out, "");
  EXPECT_FALSE(exists("runs/slow/last.safetensors"));
}

}  // namespace
}  // namespace fovea::test
