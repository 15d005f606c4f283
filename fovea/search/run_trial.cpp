#include "fovea/search/run_trial.h"

#include <cmath>
#include <filesystem>
#include <new>

#include "fovea/train/trainer.h"

namespace fovea::search {

namespace {

namespace fs = std::filesystem;

class EpochWatch : public train::Observer {
 public:
  explicit EpochWatch(const TrialRun& run) : run_(run) {}
  void on_epoch(const train::EpochReport& r) override {
    const bool fitted = r.step == 0;
    run_.on_epoch(
        {.epoch = r.epoch,
         .train_loss = fitted ? NAN : r.train_loss,
         .train_top1 = fitted ? NAN : r.train_accuracy,
         .val_loss = r.val ? r.val->loss : NAN,
         .val_top1 = r.val ? r.val->top1 : NAN});
  }

 private:
  const TrialRun& run_;
};

}  // namespace

TrialEnd run_trial(const TrialRun& run) {
  EpochWatch watch(run);
  TrialEnd end;
  train::TrainOptions o{
      .overwrite = true,
      .observer = &watch,
      .signal =
          [&] {
            end.stopped |= run.stop();
            return end.stopped ? train::Signal::stop : train::Signal::go_on;
          },
      .until_epoch = run.until_epoch};
  try {
    if (fs::exists(fs::path(run.folder) / "last.safetensors"))
      train::resume(run.folder, o);
    else
      train::train(run.recipe, o);
  } catch (const std::bad_alloc&) {
    end.reason = "out of memory; a smaller batch or network needs less";
  } catch (const std::exception& e) {
    end.reason = e.what();
  }
  return end;
}

std::vector<TrialEpoch> epochs_of_run(const std::string& folder) {
  const std::string path = (fs::path(folder) / "metrics.jsonl").string();
  std::vector<TrialEpoch> epochs;
  if (!fs::exists(path)) return epochs;
  for (const train::Metrics& m : train::read_metrics(path)) {
    if (m.event != "epoch") continue;
    auto value = [&](const char* name) {
      const auto it = m.values.find(name);
      return it == m.values.end() ? NAN : it->second;
    };
    epochs.push_back(
        {.epoch = m.epoch,
         .train_loss = value("train_loss"),
         .train_top1 = value("train_top1"),
         .val_loss = value("val_loss"),
         .val_top1 = value("val_top1")});
  }
  return epochs;
}

}  // namespace fovea::search
