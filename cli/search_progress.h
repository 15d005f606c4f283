#pragma once

#include <string>

#include "fovea/search/search.h"

namespace fovea::cli {

// A line on stderr for each part of a trial.
class SearchProgress : public search::Watcher {
 public:
  SearchProgress(bool quiet, search::Measure measure) : quiet_(quiet), measure_(measure) {}

  void note(const std::string& text) override;
  void on_stage(const search::Stage& stage) override;
  void on_trial(const search::Progress& p) override;

 private:
  bool quiet_;
  search::Measure measure_;
};

// A score as text: "93.10 %" or "0.2931".
std::string shown_score(double score, search::Measure measure);

}  // namespace fovea::cli
