#include "cli/training.h"

#include <atomic>
#include <csignal>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/finetune_flags.h"
#include "cli/json_text.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "fovea/core/text.h"
#include "fovea/doctor/attendant.h"
#include "fovea/train/trainer.h"

namespace fovea::cli {

namespace {

std::atomic<int> stop_signal{0};
std::atomic<bool> save_asked{false};

void on_stop(int number) {
  if (stop_signal.exchange(number) != 0) std::_Exit(128 + number);  // the second one aborts
}
void on_save(int) { save_asked = true; }

nlohmann::ordered_json json_of(const train::TrainResult& r) {
  nlohmann::ordered_json j{
      {"folder", r.folder},
      {"model", r.folder + "/model.safetensors"},
      {"interrupted", r.interrupted},
      {"steps", r.steps},
      {"seconds", r.seconds}};
  auto add = [&](const char* split, const std::optional<train::Evaluation>& e) {
    if (e)
      j[split] = {{"samples", e->samples}, {"top1", e->top1}, {"top5", e->top5}, {"loss", e->loss}};
  };
  add("val", r.val);
  add("test", r.test);
  j["findings"] = nlohmann::ordered_json::array();
  for (const train::Remark& f : r.remarks.value_or(std::vector<train::Remark>()))
    j["findings"].push_back(
        {{"id", f.id},
         {"severity", f.severity},
         {"certainty", f.certainty},
         {"saw", f.saw},
         {"advice", f.advice}});
  return j;
}

void print_result(
    const train::TrainResult& r, const std::optional<train::Advice>& advice, const Globals& g) {
  if (g.json) {
    nlohmann::ordered_json j = json_of(r);
    if (advice) j["advice"] = advice_json(*advice);
    print(json_text(j));
    return;
  }
  if (r.interrupted) {
    print(fmt::format("{}\n", r.folder));
    tell(
        g,
        fmt::format("stopped after step {}; `fovea train --resume {}` goes on", r.steps, r.folder));
    return;
  }
  auto line = [&](const char* split, const std::optional<train::Evaluation>& e) {
    if (e)
      print(fmt::format(
          "{:<10} {:.2f} % of {} right, loss {:.4f}\n", split, 100 * e->top1, e->samples, e->loss));
  };
  line("validation", r.val);
  line("test", r.test);
  print(file_line("model", r.folder + "/model.safetensors") + "\n");
  print(file_line("report", r.folder + "/report.html") + "\n");
  tell(g, fmt::format("trained {} in {}", counted(r.steps, "step"), duration(r.seconds)));
}

template <class F>
int run_and_print(const Globals& g, const std::optional<train::Advice>& advice, F run) {
  Progress progress(g.quiet);
  doctor::Attendant attendant(
      [&](const doctor::Findings& findings) { progress.show(doctor::text_of(findings)); });
  train::TrainOptions options;
  options.examiner = &attendant;
  options.observer = &progress;
  options.signal = watch_signals();
  const train::TrainResult result = run(options);
  print_result(result, advice, g);
  return result.interrupted ? stop_code() : int(ok);
}

}  // namespace

std::function<train::Signal()> watch_signals() {
  std::signal(SIGINT, on_stop);
  std::signal(SIGTERM, on_stop);
  std::signal(SIGUSR1, on_save);
  return [] {
    if (stop_signal) return train::Signal::stop;
    return save_asked.exchange(false) ? train::Signal::save : train::Signal::go_on;
  };
}

int stop_code() { return 128 + stop_signal; }

int train_and_print(const train::Config& config, bool overwrite, const Globals& g) {
  return run_and_print(g, {}, [&](train::TrainOptions& o) {
    o.overwrite = overwrite;
    return train::train(config, o);
  });
}

int train_and_print(train::Finetuning plan, bool overwrite, const Globals& g) {
  return run_and_print(g, plan.advice, [&](train::TrainOptions& o) {
    o.overwrite = overwrite;
    return train::train(std::move(plan.setup), plan.config, o);
  });
}

int resume_and_print(const std::string& folder, const Globals& g) {
  return run_and_print(g, {}, [&](train::TrainOptions& o) { return train::resume(folder, o); });
}

}  // namespace fovea::cli
