// Records of runs made up to be broken, each with the finding that must come first, and healthy
// ones, which must get none.
#include "fovea/doctor/record.h"

#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "fovea/doctor/examine.h"
#include "tests/support/expect.h"

namespace fovea::doctor {
namespace {

using Curve = std::function<double(double t)>;  // of the share of the run that has passed

Curve constant(double value) {
  return [=](double) { return value; };
}
// From a to b, most of the way in the first part.
Curve towards(double a, double b, double speed = 5) {
  return [=](double t) { return b + (a - b) * std::exp(-speed * t); };
}
Curve line(double a, double b) {
  return [=](double t) { return a + (b - a) * t; };
}

// A run of ten classes, 100 steps an epoch, 2000 pictures for validation; healthy but for what is
// changed.
struct Story {
  std::string name, first;  // the id of the first finding; "" of a healthy one
  Curve loss = towards(2.3, 0.3), top1 = towards(0.1, 0.92);
  Curve val_loss = towards(2.2, 0.4), val_top1 = towards(0.12, 0.88);
  Curve lr = line(0.1, 0);
  Curve ratio = constant(2e-3);             // of updates
  std::map<std::string, Curve> signs = {};  // more of a look: "dead/1"
  Curve own_mb = constant(500), waited = constant(0.02);
  int epochs = 10;
  int64_t val_samples = 2000;
  double breaks = 2, stops = 1;  // shares of the run at which it was not finite, or stands now
  std::map<std::string, std::string> settings = {};
};

Record record_of(const Story& s) {
  const int64_t steps = 100 * s.epochs;
  std::vector<train::Metrics> lines{
      {"begin",
       0,
       0,
       {{"classes", 10}, {"val_samples", double(s.val_samples)}, {"steps", double(steps)}}}};
  for (int64_t step = 1; step <= steps; ++step) {
    const double t = double(step) / double(steps);
    const int64_t epoch = (step - 1) / 100 + 1;
    if (t > s.stops) break;
    if (t >= s.breaks) {
      lines.push_back({"broken", epoch, step, {{"lr", s.lr(t)}}});
      break;
    }
    if (step % 50 == 0) {
      train::Metrics look{"look", epoch, step, {}};
      look.values = {
          {"update/1.weight", s.ratio(t)}, {"update/2.weight", 1.5 * s.ratio(t)}, {"lr", s.lr(t)}};
      for (const auto& [name, curve] : s.signs) look.values[name] = curve(t);
      lines.push_back(look);
    }
    const double noise = 1 + 0.04 * std::sin(double(step * step));
    if (step % 5 == 0)
      lines.push_back(
          {"step",
           epoch,
           step,
           {{"train_loss", s.loss(t) * noise},
            {"train_top1", s.top1(t)},
            {"lr", s.lr(t)},
            {"resident_mb", s.own_mb(t) + 200 * std::min(1.0, double(step) / 100)},
            {"pictures_mb", 200 * std::min(1.0, double(step) / 100)}}});
    if (step % 100 == 0)
      lines.push_back(
          {"epoch",
           epoch,
           step,
           {{"train_loss", s.loss(t)},
            {"train_top1", s.top1(t)},
            {"val_loss", s.val_loss(t)},
            {"val_top1", s.val_top1(t)},
            {"waited", s.waited(t)},
            {"seconds", 10.0 * double(epoch)}}});
  }
  if (s.breaks > 1 && s.stops >= 1) lines.push_back({"end", s.epochs, steps, {}});
  return read_record(lines);
}

Diagnosis examine(const Story& s) {
  train::Config config = train::recipe_config();
  for (const auto& [key, value] : s.settings) config.set(key, value, "test");
  return examine(record_of(s), train::Recipe(config));
}

std::vector<Story> broken() {
  const Curve still = constant(2.3), chance = constant(0.1);
  return {
      {.name = "exploding", .first = "rate.high", .loss = line(2.3, 40), .top1 = chance},
      {.name = "lost what it had learnt",
       .first = "rate.high",
       .loss = [](double t) { return t < 0.5 ? 0.5 : 2.3; },
       .top1 = [](double t) { return t < 0.5 ? 0.8 : 0.1; }},
      {.name = "not finite", .first = "rate.high", .loss = line(2.3, 9), .breaks = 0.4},
      {.name = "not finite at once", .first = "rate.high", .breaks = 0.003},
      {.name = "not finite after calm steps", .first = "loss.not_finite", .breaks = 0.4},
      {.name = "still, with large updates",
       .first = "rate.high",
       .loss = still,
       .top1 = chance,
       .ratio = constant(0.2)},
      {.name = "still, with small updates",
       .first = "rate.low",
       .loss = still,
       .top1 = chance,
       .ratio = constant(1e-7)},
      {.name = "still", .first = "loss.still", .loss = still, .top1 = chance},
      {.name = "still, as its ReLUs are dead",
       .first = "relu.dead",
       .loss = still,
       .top1 = chance,
       .signs = {{"dead/1.act", line(0.3, 1)}}},
      {.name = "still, as its ReLUs died of the rate",
       .first = "rate.high",
       .loss = [](double t) { return t < 0.02 ? 2.3 + 200 * t : 2.3; },
       .top1 = chance,
       .signs = {{"dead/1.act", constant(1)}}},
      {.name = "slow",
       .first = "rate.low",
       .loss = line(2.3, 1.8),
       .top1 = line(0.1, 0.3),
       .val_loss = line(2.3, 1.8),
       .val_top1 = line(0.1, 0.3),
       .ratio = constant(3e-5)},
      {.name = "never settles",
       .first = "rate.high",
       .loss = towards(2.3, 1.2),
       .top1 = towards(0.1, 0.6),
       .val_loss = towards(2.3, 1.2),
       .val_top1 = towards(0.1, 0.6),
       .ratio = constant(0.1)},
      {.name = "plateau",
       .first = "plateau",
       .loss = towards(2.3, 0.8, 20),
       .top1 = towards(0.1, 0.7, 20),
       .val_loss = towards(2.3, 0.85, 20),
       .val_top1 = towards(0.1, 0.69, 20),
       .lr = constant(0.1)},
      {.name = "overfits",
       .first = "fit.over",
       .loss = towards(2.3, 0.01),
       .top1 = towards(0.1, 1),
       .val_loss = [](double t) { return 0.7 + 6 * (t - 0.3) * (t - 0.3); },
       .val_top1 = towards(0.1, 0.78)},
      {.name = "learns by heart",
       .first = "fit.over",
       .loss = towards(2.3, 0.01, 8),
       .top1 = towards(0.1, 1, 8),
       .val_loss = towards(2.3, 1.1),
       .val_top1 = towards(0.1, 0.7)},
      {.name = "underfits",
       .first = "fit.under",
       .loss = towards(2.3, 1.7, 12),
       .top1 = towards(0.1, 0.39, 12),
       .val_loss = towards(2.3, 1.7, 12),
       .val_top1 = towards(0.1, 0.38, 12)},
      {.name = "dying ReLUs", .first = "relu.dead", .signs = {{"dead/1.act", line(0.1, 0.8)}}},
      {.name = "saturated",
       .first = "activation.saturated",
       .signs = {{"saturated/1.act", line(0.1, 0.8)}}},
      {.name = "drift", .first = "batch_norm.drift", .signs = {{"drift/1.norm", constant(3)}}},
      {.name = "a layer stands",
       .first = "update.uneven",
       .signs = {{"update/0.weight", constant(1e-8)}}},
      {.name = "a layer races",
       .first = "update.uneven",
       .signs = {{"update/0.weight", constant(0.5)}}},
      {.name = "waits", .first = "data.waiting", .waited = constant(0.6)},
      {.name = "grows", .first = "memory.grows", .own_mb = line(500, 1500)},
  };
}

TEST(DoctorOfRecords, GivesBrokenRunsTheRightFirstFinding) {
  for (const Story& s : broken()) {
    SCOPED_TRACE(s.name);
    const Diagnosis d = examine(s);
    std::string all;
    for (const Finding& f : d.findings) all += f.id + ": " + f.saw + "\n";
    EXPECT_EQ(d.findings.empty() ? "" : d.findings[0].id, s.first) << all;
    EXPECT_FALSE(d.healthy());
  }
}

TEST(DoctorOfRecords, FindsNothingInHealthyRuns) {
  const std::vector<Story> healthy{
      {.name = "as it should be"},
      {.name = "half way", .stops = 0.45},
      {.name = "just begun", .stops = 0.02},
      {.name = "warming up",
       .loss = constant(2.3),
       .top1 = constant(0.1),
       .lr = line(0, 0.1),
       .ratio = constant(1e-6),
       .stops = 0.25},
      {.name = "an epoch", .epochs = 1},
      {.name = "learnt early, at a constant rate",
       .loss = towards(2.3, 0.02, 15),
       .top1 = towards(0.1, 0.995, 15),
       .val_loss = towards(2.3, 0.05, 15),
       .val_top1 = towards(0.1, 0.985, 15),
       .lr = constant(1e-3)},
      {.name = "a hard task",
       .loss = towards(2.3, 1.0),
       .top1 = towards(0.1, 0.64),
       .val_loss = towards(2.3, 1.05),
       .val_top1 = towards(0.1, 0.62)},
      {.name = "few pictures for validation",
       .top1 = towards(0.1, 0.99),
       .val_top1 = towards(0.1, 0.8),
       .val_samples = 30},
      {.name = "fine-tuning with small updates",
       .loss = towards(0.9, 0.3),
       .ratio = constant(5e-5),
       .settings = {{"model.from", "model.safetensors"}}},
      {.name = "restarts",
       .loss =
           [](double t) { return 0.3 + 2 * std::exp(-5 * t) + 0.2 * (1 - std::fmod(4 * t, 1)); },
       .lr = [](double t) { return 0.1 * (1 - std::fmod(4 * t, 1)); }},
      {.name = "large updates at first", .ratio = towards(0.2, 1e-3, 20)},
      {.name = "a rate that has fallen to nothing",
       .loss = towards(2.3, 1.6, 3),
       .top1 = towards(0.1, 0.6),
       .val_loss = towards(2.3, 1.6, 3),
       .val_top1 = towards(0.1, 0.6),
       .lr = [](double t) { return 0.1 * std::pow(1 - t, 6); },
       .ratio = [](double t) { return 2e-3 * std::pow(1 - t, 6); }},
      {.name = "a hinge, which begins at 9",
       .loss = towards(9, 1.5),
       .val_loss = towards(9, 1.6),
       .ratio = constant(0.04),
       .settings = {{"train.loss", "hinge"}}},
      {.name = "some dead ReLUs", .signs = {{"dead/1.act", constant(0.2)}}},
      {.name = "memory filled at first", .own_mb = towards(300, 900, 40)},
      {.name = "pictures of the first epoch are read",
       .waited = [](double t) { return t <= 0.1 ? 0.9 : 0.01; }},
  };
  for (const Story& s : healthy) {
    SCOPED_TRACE(s.name);
    for (const Finding& f : examine(s).findings)
      EXPECT_EQ(f.severity, Severity::note) << f.id << ": " << f.saw;
  }
}

TEST(DoctorOfRecords, SaysWhatToDoInNumbers) {
  auto first = [](const std::string& name) {
    for (const Story& s : broken())
      if (s.name == name) return examine(s).findings.at(0);
    return Finding{};
  };
  const Finding over = first("overfits");
  EXPECT_HAS(over.saw, "least after epoch 3");
  EXPECT_HAS(over.advice, "train.epochs = 3");
  const Finding waits = first("waits");
  EXPECT_HAS(waits.saw, "54 of 90 seconds");
  EXPECT_HAS(waits.advice, "data.workers = 3");
  const Finding high = first("exploding");
  ASSERT_EQ(high.changes.size(), 1u);
  EXPECT_EQ(high.changes[0].first + high.changes[0].second, "optimizer.lr0.0001");
  EXPECT_HAS(first("dying ReLUs").saw, "14 % at step 50, 80 % at step 1000");
  EXPECT_HAS(first("grows").saw, "1 MB a step");
}

TEST(DoctorOfRecords, TellsOfARunThatCouldGoOn) {
  const Diagnosis d = examine(
      {.loss = line(2.3, 0.3),
       .top1 = line(0.1, 0.9),
       .val_loss = line(2.3, 0.4),
       .val_top1 = line(0.1, 0.88),
       .lr = constant(0.1)});
  EXPECT_TRUE(d.healthy());
  ASSERT_EQ(d.findings.size(), 1u);
  EXPECT_EQ(d.findings[0].id, "epochs.few");
  EXPECT_HAS(d.findings[0].advice, "train.epochs = 20");
}

}  // namespace
}  // namespace fovea::doctor
