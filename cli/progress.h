#pragma once

#include <chrono>
#include <string>

#include "fovea/train/observer.h"

namespace fovea::cli {

// Shows a training run on stderr: a bar that is drawn over on a terminal, a line per epoch (and one
// every 30 seconds) otherwise.
class Progress : public train::Observer {
 public:
  explicit Progress(bool quiet);
  ~Progress() override;

  void show(const std::string& text);  // as it is
  void note(const std::string& text) override;
  void on_step(const train::StepReport& r) override;
  void on_epoch(const train::EpochReport& r) override;

 private:
  void clear_bar();

  bool quiet_, terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

std::string duration(double seconds);  // "1:02:03", "4:05", "7 s"

}  // namespace fovea::cli
