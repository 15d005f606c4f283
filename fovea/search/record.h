#pragma once

#include <set>
#include <string>
#include <vector>

#include "fovea/search/store.h"

namespace fovea::search {

// The stages and trials of a search, in memory and on disk alike. Not for several threads at once.
class Record {
 public:
  // Opens the search in `folder`, which exists, or begins it. What a kill kept from being written
  // is taken from the folders of the trials.
  Record(const std::string& folder, const Settings& settings, Measure measure);

  const std::vector<Stage>& stages() const { return stages_; }
  const Stage& stage(int number) const { return stages_[size_t(number)]; }
  const std::vector<Trial>& trials() const { return trials_; }
  Trial& trial(size_t at) { return trials_[at]; }

  double seconds() const { return store_.seconds(); }
  void set_seconds(double seconds) { store_.set_seconds(seconds); }

  void add(const Stage& stage);
  // Marks it as done, and trials that did not come to their end as stopped.
  void finish(int stage, const std::vector<std::string>& notes);
  std::vector<size_t> add(std::vector<Trial> trials);  // gives their places

  int count(int stage) const;
  std::vector<size_t> members(int stage, int bracket) const;
  bool has_score(int stage) const { return scored_.contains(stage); }  // any trial of it
  std::vector<size_t> ranked() const { return ranking(trials_, measure_); }
  std::vector<Values> ranked_values(int stage) const;  // of its trials, the best first
  double seconds_per_epoch() const;                    // of one trial; 0 while nobody knows

  // Change a trial of this record, and write it with its seconds and reason.
  void set_state(Trial& t, State state);
  void take_epochs(Trial& t, const std::vector<TrialEpoch>& epochs);

 private:
  Measure measure_;
  Store store_;
  std::vector<Stage> stages_;
  std::vector<Trial> trials_;
  std::set<int> scored_;
};

}  // namespace fovea::search
